-- The first schema: jobs, personal data apart, the hot table, the ledger, rates, events, workers.
-- All times are microseconds since 1970-01-01T00:00:00Z. Codes are those of src/domain/{kinds,state,status}.rs.

CREATE TABLE agency (
    no            INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    stopped_at    BIGINT                         -- no first byte while set
);

-- One row: everybody's traffic.
CREATE TABLE fleet (
    id            SMALLINT PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    stopped_at    BIGINT
);
INSERT INTO fleet DEFAULT VALUES;

CREATE SEQUENCE job_no;

CREATE TABLE job (
    no            BIGINT PRIMARY KEY,
    agency        INTEGER NOT NULL,              -- no foreign key: it took a third of the insert
    name          TEXT NOT NULL,
    content_hash  BYTEA NOT NULL,
    lane          SMALLINT NOT NULL,             -- granted; the rules hold the lane asked for
    over_quota    INTEGER NOT NULL DEFAULT 0,    -- recipients asked for as urgent that became normal
    rules         TEXT NOT NULL,                 -- JSON, nothing personal
    recipients    INTEGER NOT NULL,
    open          INTEGER NOT NULL,              -- deliveries that are not settled
    accepted_at   BIGINT NOT NULL,
    cancelled_at  BIGINT,
    finished_at   BIGINT,                        -- when `open` first came to 0
    erased        SMALLINT NOT NULL DEFAULT 0,   -- 0 nothing, 1 texts, 2 identities too
    UNIQUE (agency, name)
) WITH (fillfactor = 80);
CREATE INDEX job_retention ON job (erased, finished_at) WHERE finished_at IS NOT NULL;

-- Personal data, written once, erased in two steps. Arrays by position within the chunk.
CREATE TABLE chunk (
    job           BIGINT NOT NULL,
    no            SMALLINT NOT NULL,
    message       TEXT,                          -- JSON; in chunk 0 only
    refs          TEXT NOT NULL,                 -- JSON array of references: facts
    persons       TEXT,                          -- JSON array of numbers or null: identity
    contents      TEXT,                          -- JSON array {p, e, v}: addresses and values: text
    PRIMARY KEY (job, no)
);

-- The hot table: ids, agency, lane, due, state, epoch. id = job << 18 | position << 4 | occasion << 1 | channel.
CREATE TABLE delivery (
    id            BIGINT PRIMARY KEY,
    agency        INTEGER NOT NULL,
    lane          SMALLINT NOT NULL,
    state         SMALLINT NOT NULL,
    reason        SMALLINT,
    fixed         BOOLEAN NOT NULL,              -- the plan may not choose the other channel
    slot          SMALLINT NOT NULL DEFAULT 0 CHECK (slot IN (0, 1)),
    attempts      INTEGER  NOT NULL DEFAULT 0,   -- tries written, numbers the next one
    tries         INTEGER  NOT NULL DEFAULT 0,   -- tries used up
    version       INTEGER NOT NULL DEFAULT 0,    -- of the events
    chosen        BOOLEAN NOT NULL DEFAULT FALSE, -- the channel was chosen
    duplicate     BOOLEAN NOT NULL DEFAULT FALSE, -- a second try went out after an unknown one
    silent        BOOLEAN NOT NULL DEFAULT FALSE, -- failed before a fallback: no event, not listed
    covered_by    SMALLINT,                      -- position
    due           BIGINT NOT NULL,
    claim         BIGINT,
    changed_at    BIGINT NOT NULL
) WITH (fillfactor = 80);
-- The lowest bit of the id is the channel: what waits for SMS never hides what may go as e-mail.
CREATE INDEX delivery_due ON delivery (agency, lane, (id & 1), due, id) WHERE state IN (4, 5);
CREATE INDEX delivery_claim ON delivery (claim) WHERE state = 6;
CREATE INDEX delivery_unknown ON delivery (due) WHERE state = 7;

-- The ledger: one row per try, committed before the first byte.
-- The bound on duplicates (R-13): at most one live try per delivery and slot, and there are two slots.
-- A try is live (`freed` 0) until it was certainly not sent: that frees its slot for the next one.
-- No index knows of the outcome as long as the try is live: writing *accepted* of an e-mail is HOT if
-- its page has room. Each row is written twice, so half a page is left: four in five are HOT then, and
-- with a fillfactor of 80 one in four, in a table of the same size.
CREATE TABLE try (
    delivery      BIGINT NOT NULL,
    slot          SMALLINT NOT NULL CHECK (slot IN (0, 1)),
    no            INTEGER NOT NULL,
    claim         BIGINT NOT NULL,               -- the epoch
    gateway       TEXT NOT NULL,
    intent_at     BIGINT NOT NULL,
    outcome       SMALLINT CHECK (outcome IN (1, 2, 3)), -- accepted, not sent, unknown
    outcome_at    BIGINT,
    provider_ref  TEXT,                          -- an SMS gateway's, by which its receipts find the try
    queue_id      TEXT,                          -- a relay's, for the evidence
    freed         INTEGER NOT NULL GENERATED ALWAYS AS (CASE WHEN outcome = 2 THEN no + 1 ELSE 0 END) STORED,
    PRIMARY KEY (delivery, slot, freed)
) WITH (fillfactor = 50);
-- References come in no order: each new one would change a page of its own among all that ever were,
-- which is read for it, and written whole to the log after a checkpoint. By time first, in spans of 19
-- hours, it is one of its own span's.
CREATE INDEX try_provider ON try ((intent_at >> 36), gateway, provider_ref) WHERE provider_ref IS NOT NULL;

CREATE TABLE worker (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          TEXT NOT NULL,
    started_at    BIGINT NOT NULL,
    heartbeat_at  BIGINT NOT NULL,
    ended_at      BIGINT
) WITH (fillfactor = 50);

CREATE TABLE claim (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker        BIGINT NOT NULL,
    at            BIGINT NOT NULL
);
CREATE INDEX claim_worker ON claim (worker);

-- A rate's theoretical arrival time, one row per gateway or relay, and one per channel of an agency
-- that has a rate of its own: agency:<no>:<channel>.
CREATE TABLE bucket (
    name          TEXT PRIMARY KEY,
    tat           BIGINT NOT NULL DEFAULT 0,
    paused_until  BIGINT
) WITH (fillfactor = 50);

-- What an address got lately. The key is a digest, the row goes when it is an hour old; no index knows
-- when that is, so that noting one more is HOT.
CREATE TABLE address_use (
    key           BYTEA PRIMARY KEY,
    times         BIGINT[] NOT NULL,             -- of the intents
    texts         BIGINT[] NOT NULL,             -- digests of what they said
    tries         BIGINT[] NOT NULL,             -- delivery and slot (src/domain/address_limit.rs)
    latest        BIGINT NOT NULL,
    over_until    BIGINT                         -- what the latest asking was told; null: there was room
) WITH (fillfactor = 80);

-- What each agency used of its urgent quota, by minutes, as JSON (src/domain/urgent_quota.rs).
CREATE TABLE urgent_use (
    agency        INTEGER PRIMARY KEY,
    minutes       TEXT NOT NULL DEFAULT '[]'
) WITH (fillfactor = 50);

-- What the fleet saw of its gateways lately, in bins of some seconds.
CREATE TABLE gateway_tally (
    gateway       TEXT NOT NULL,
    bin           BIGINT NOT NULL,               -- when it begins
    taken         BIGINT NOT NULL,
    failed        BIGINT NOT NULL,
    micros        BIGINT NOT NULL,               -- what those that were taken took together
    PRIMARY KEY (gateway, bin)
) WITH (fillfactor = 50);

-- What is decided about them. A gateway without a row is as configured.
CREATE TABLE gateway_state (
    gateway       TEXT PRIMARY KEY,
    version       BIGINT NOT NULL,
    circuit       SMALLINT NOT NULL,             -- 0 closed, 1 open
    circuit_since BIGINT NOT NULL,
    share         SMALLINT NOT NULL,             -- tenths of the configured weight
    shifted_at    BIGINT NOT NULL,
    worse_at      BIGINT NOT NULL,
    probe_at      BIGINT NOT NULL                -- when the next probe may be given
) WITH (fillfactor = 50);

CREATE TABLE gateway_history (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            BIGINT NOT NULL,
    gateway       TEXT NOT NULL,
    from_circuit  SMALLINT NOT NULL,
    from_share    SMALLINT NOT NULL,
    to_circuit    SMALLINT NOT NULL,
    to_share      SMALLINT NOT NULL,
    reason        TEXT NOT NULL,                 -- in words
    taken         BIGINT NOT NULL,
    failed        BIGINT NOT NULL,
    micros        BIGINT NOT NULL
);

-- Who may send a text to an address within a job: the first.
CREATE TABLE cover (
    job           BIGINT NOT NULL,
    key           BYTEA NOT NULL,
    position      SMALLINT NOT NULL,
    PRIMARY KEY (job, key)
);

CREATE TABLE opened (
    job           BIGINT NOT NULL,
    position      SMALLINT NOT NULL,
    at            BIGINT NOT NULL,
    PRIMARY KEY (job, position)
);

-- What letters were decided on, and what receipts said of them: proof, without addresses
-- (src/domain/evidence.rs).
CREATE TABLE letter_fact (
    delivery      BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    data          TEXT NOT NULL                  -- JSON
);
CREATE INDEX letter_fact_delivery ON letter_fact (delivery);

-- What the agencies are told, numbered per agency without a gap in the order of the commits: whoever
-- writes an event raises its agency's `last` and holds the row until the commit, so that is done last.
CREATE TABLE event (
    agency        INTEGER NOT NULL,
    sequence      BIGINT NOT NULL,
    kind          SMALLINT NOT NULL,
    subject       TEXT,
    at            BIGINT NOT NULL,
    data          TEXT NOT NULL,
    PRIMARY KEY (agency, sequence)
);

CREATE TABLE stream (
    agency        INTEGER PRIMARY KEY REFERENCES agency (no),
    last          BIGINT NOT NULL DEFAULT 0      -- the last number given
) WITH (fillfactor = 50);

-- How far the streams are read. Apart from `stream`, so that who writes events never waits for it.
CREATE TABLE publication (
    agency        INTEGER PRIMARY KEY REFERENCES agency (no),
    published     BIGINT NOT NULL DEFAULT 0,     -- everything up to it is confirmed
    erased        BIGINT NOT NULL DEFAULT 0      -- everything up to it has left the feed
) WITH (fillfactor = 50);

CREATE TABLE lease (
    role          TEXT PRIMARY KEY,
    worker        BIGINT NOT NULL,
    until         BIGINT NOT NULL
);

CREATE TABLE parked_receipt (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway       TEXT NOT NULL,
    receipt       TEXT NOT NULL,                 -- JSON
    received_at   BIGINT NOT NULL
);

CREATE TABLE api_key (
    hash          BYTEA PRIMARY KEY,             -- SHA-256
    agency        INTEGER NOT NULL REFERENCES agency (no),
    created_at    BIGINT NOT NULL
);

-- Who is logged in to their page. Ids are SHA-256 of what the browser or the provider holds.
CREATE TABLE page_session (
    id            BYTEA PRIMARY KEY,
    provider      BYTEA,                         -- the provider's own session
    person        TEXT NOT NULL,
    id_token      TEXT NOT NULL,
    began_at      BIGINT NOT NULL,
    used_at       BIGINT NOT NULL
);
CREATE INDEX page_session_provider ON page_session (provider) WHERE provider IS NOT NULL;

-- The one-time code that a session waits for, one per channel.
CREATE TABLE page_code (
    session       BYTEA NOT NULL,
    channel       SMALLINT NOT NULL,
    address       TEXT NOT NULL,
    digest        BYTEA NOT NULL,
    guesses       INTEGER NOT NULL DEFAULT 0,
    made_at       BIGINT NOT NULL,
    PRIMARY KEY (session, channel)
);

-- When codes were sent lately, by person and by address. The key is a digest.
CREATE TABLE page_sent (
    key           BYTEA PRIMARY KEY,
    times         BIGINT[] NOT NULL,
    latest        BIGINT NOT NULL
);

-- Which jobs were to a person, as long as the job's numbers are kept; filled when there is a page.
CREATE TABLE person_job (
    person        TEXT NOT NULL,
    job           BIGINT NOT NULL,
    position      SMALLINT NOT NULL,
    PRIMARY KEY (person, job, position)
);
CREATE INDEX person_job_job ON person_job (job);

-- The local register: one KRR `Person` object each, and the number of its last change.
CREATE TABLE contact (
    person        TEXT PRIMARY KEY,
    document      TEXT NOT NULL,
    change        BIGINT NOT NULL UNIQUE
);

-- One row: the last change of the local register. Whoever changes it holds the row, so that changes
-- become visible in the order of their numbers.
CREATE TABLE contact_change (last BIGINT NOT NULL);
INSERT INTO contact_change VALUES (0);

-- The local population register: who lives where.
CREATE TABLE resident (
    person        TEXT PRIMARY KEY,
    municipality  TEXT NOT NULL,                 -- four digits
    street        TEXT NOT NULL,
    street_key    TEXT NOT NULL,                 -- as src/domain/street.rs spells it
    number        INTEGER NOT NULL,
    letter        TEXT NOT NULL,                 -- blank: none
    household     TEXT NOT NULL,                 -- blank: alone
    birth_year    SMALLINT NOT NULL,
    put_at        BIGINT NOT NULL
);
CREATE INDEX resident_street ON resident (municipality, street_key, number);

-- Keys that were made here because the configuration names none.
CREATE TABLE secret (
    name          TEXT PRIMARY KEY,
    value         BYTEA NOT NULL
);

-- The agencies' own opt-out lists, as keyed hashes (src/domain/opt_out.rs).
CREATE TABLE opt_out_head (last BIGINT NOT NULL);
INSERT INTO opt_out_head VALUES (0);
CREATE TABLE opt_out (
    agency        INTEGER NOT NULL,
    hash          BYTEA NOT NULL,
    kind          SMALLINT NOT NULL,             -- 1 person, 2 phone, 3 email
    classes       SMALLINT NOT NULL,             -- 1 letter, 2 service message; 0: taken off
    at            BIGINT NOT NULL,
    sequence      BIGINT NOT NULL,               -- of the change
    PRIMARY KEY (agency, hash)
);
CREATE INDEX opt_out_sequence ON opt_out (sequence);

-- Who was looked up in the register, for whom and why (docs/register.md). One row per call and job,
-- chained by keyed digests (src/domain/audit.rs); each run of a worker has a strand of its own.
CREATE TABLE audit_strand (
    no            INTEGER PRIMARY KEY,           -- 1, 2, 3 … without a gap
    started_at    BIGINT NOT NULL,
    links         BIGINT NOT NULL DEFAULT 0,     -- rows ever written
    last_at       BIGINT NOT NULL DEFAULT 0,
    digest        BYTEA NOT NULL                 -- of the last one
) WITH (fillfactor = 50);

CREATE TABLE audit (
    strand        INTEGER NOT NULL,
    no            BIGINT NOT NULL,               -- 1, 2, 3 … within the strand
    at            BIGINT NOT NULL,
    agency        TEXT NOT NULL,
    job           TEXT NOT NULL,
    purpose       TEXT NOT NULL,
    persons       BYTEA NOT NULL,                -- 17 bytes each: keyed hash, and what the register said
    previous_at   BIGINT NOT NULL,
    previous      BYTEA NOT NULL,                -- digest of the row before
    digest        BYTEA NOT NULL,
    PRIMARY KEY (strand, no)
);
CREATE INDEX audit_at ON audit (at, strand, no);

-- Append only. Retention alone may delete, and only what is older than it says in its transaction.
CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < COALESCE(NULLIF(current_setting('budstikke.erase_audit_before', TRUE), ''), '0')::bigint THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit of look-ups is append only';
END $$;
CREATE TRIGGER audit_row_is_kept BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_kept();
CREATE TRIGGER audit_table_is_kept BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept();

-- The hot tables are small and churn: vacuum by count, not by share (R-23).
ALTER TABLE delivery SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE address_use SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE bucket SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE gateway_tally SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
