// A real OpenID provider that behaves as ID-porten does: pushed requests only, private_key_jwt, the
// national identity number as `pid`, and a level of the log-in.
import http from 'node:http';
import { generateKeyPairSync } from 'node:crypto';

export async function startProvider(Provider, port, client) {
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const state = { person: null, cancel: false, acr: 'idporten-loa-high', sid: null, faults: [] };
  const provider = new Provider(issuer, {
    clients: [{
      client_id: client.id,
      redirect_uris: [`${client.origin}/page/callback`],
      post_logout_redirect_uris: [`${client.origin}/page/logged-out`],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'RS256',
      id_token_signed_response_alg: 'RS256',
      require_pushed_authorization_requests: true,
      backchannel_logout_uri: `${client.origin}/nothing-listens-here`,
      backchannel_logout_session_required: true,
      jwks: { keys: [client.jwk] },
    }],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'provider' }] },
    pkce: { required: () => true },
    acrValues: ['idporten-loa-low', 'idporten-loa-substantial', 'idporten-loa-high'],
    claims: { openid: ['sub', 'pid'], profile: ['locale'], acr: null, sid: null, auth_time: null },
    conformIdTokenClaims: false,
    scopes: ['openid', 'profile'],
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = `<!doctype html><title>Logg ut</title>${form}<button form="op.logoutForm" name="logout" value="yes">Ja</button>`;
        },
      },
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    cookies: { keys: ['not-a-secret'] },
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 600, IdToken: 120, Interaction: 600, Session: 600 },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub: `s-${sub.slice(0, 4)}`, pid: sub }) }),
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope('openid profile');
      grant.addOIDCClaims(['pid']);
      await grant.save();
      return grant;
    },
  });
  provider.on('server_error', (_ctx, error) => state.faults.push(error));
  provider.on('authorization.error', (_ctx, error) => state.faults.push(error));
  provider.on('pushed_authorization_request.error', (_ctx, error) => state.faults.push(error));
  provider.on('grant.error', (_ctx, error) => state.faults.push(error));
  provider.on('grant.success', (ctx) => {
    const claims = JSON.parse(Buffer.from(ctx.body.id_token.split('.')[1], 'base64url'));
    state.sid = claims.sid;
    state.claims = claims;
  });
  const callback = provider.callback();
  const server = http.createServer(async (request, response) => {
    if (request.url.startsWith('/interaction/')) {
      const result = state.cancel
        ? { error: 'access_denied', error_description: 'the person said no' }
        : { login: { accountId: state.person, acr: state.acr, amr: ['TestID'] } };
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    } else if (request.url.startsWith('/frame?')) {
      const of = new URL(request.url, issuer).searchParams.get('of');
      response.setHeader('content-type', 'text/html');
      response.end(`<!doctype html><title>frame</title><iframe src="${of.replaceAll('&', '&amp;')}"></iframe>`);
    } else {
      callback(request, response);
    }
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return { issuer, state, stop: () => { server.closeAllConnections(); server.close(); } };
}
