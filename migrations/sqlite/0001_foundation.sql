-- The first schema: jobs, personal data apart, the hot table, the ledger, rates, events, workers.
-- All times are microseconds since 1970-01-01T00:00:00Z. Codes are those of src/domain/{kinds,state,status}.rs.

CREATE TABLE agency (
    no            INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    stopped_at    INTEGER                         -- no first byte while set
);

-- One row: everybody's traffic.
CREATE TABLE fleet (
    id            INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    stopped_at    INTEGER
);
INSERT INTO fleet DEFAULT VALUES;

CREATE TABLE job_no (last INTEGER NOT NULL);
INSERT INTO job_no VALUES (0);

CREATE TABLE job (
    no            INTEGER PRIMARY KEY,
    agency        INTEGER NOT NULL,              -- no foreign key, as on PostgreSQL
    name          TEXT NOT NULL,
    content_hash  BLOB NOT NULL,
    lane          INTEGER NOT NULL,             -- granted; the rules hold the lane asked for
    over_quota    INTEGER NOT NULL DEFAULT 0,    -- recipients asked for as urgent that became normal
    rules         TEXT NOT NULL,                 -- JSON, nothing personal
    recipients    INTEGER NOT NULL,
    open          INTEGER NOT NULL,              -- deliveries that are not settled
    accepted_at   INTEGER NOT NULL,
    cancelled_at  INTEGER,
    finished_at   INTEGER,                        -- when `open` first came to 0
    erased        INTEGER NOT NULL DEFAULT 0,   -- 0 nothing, 1 texts, 2 identities too
    UNIQUE (agency, name)
);
CREATE INDEX job_retention ON job (erased, finished_at) WHERE finished_at IS NOT NULL;

-- Personal data, written once, erased in two steps. Arrays by position within the chunk.
CREATE TABLE chunk (
    job           INTEGER NOT NULL,
    no            INTEGER NOT NULL,
    message       TEXT,                          -- JSON; in chunk 0 only
    refs          TEXT NOT NULL,                 -- JSON array of references: facts
    persons       TEXT,                          -- JSON array of numbers or null: identity
    contents      TEXT,                          -- JSON array {p, e, v}: addresses and values: text
    PRIMARY KEY (job, no)
);

-- The hot table: ids, agency, lane, due, state, epoch. id = job << 18 | position << 4 | occasion << 1 | channel.
CREATE TABLE delivery (
    id            INTEGER PRIMARY KEY,
    agency        INTEGER NOT NULL,
    lane          INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    reason        INTEGER,
    fixed         INTEGER NOT NULL,              -- the plan may not choose the other channel
    slot          INTEGER NOT NULL DEFAULT 0 CHECK (slot IN (0, 1)),
    attempts      INTEGER NOT NULL DEFAULT 0,   -- tries written, numbers the next one
    tries         INTEGER NOT NULL DEFAULT 0,   -- tries used up
    version       INTEGER NOT NULL DEFAULT 0,    -- of the events
    chosen        INTEGER NOT NULL DEFAULT 0, -- the channel was chosen
    duplicate     INTEGER NOT NULL DEFAULT 0, -- a second try went out after an unknown one
    silent        INTEGER NOT NULL DEFAULT 0, -- failed before a fallback: no event, not listed
    covered_by    INTEGER,                      -- position
    due           INTEGER NOT NULL,
    claim         INTEGER,
    changed_at    INTEGER NOT NULL
);
-- The lowest bit of the id is the channel: what waits for SMS never hides what may go as e-mail.
CREATE INDEX delivery_due ON delivery (agency, lane, (id & 1), due, id) WHERE state IN (4, 5);
CREATE INDEX delivery_claim ON delivery (claim) WHERE state = 6;
CREATE INDEX delivery_unknown ON delivery (due) WHERE state = 7;

-- The ledger: one row per try, committed before the first byte.
-- The bound on duplicates (R-13): at most one live try per delivery and slot, and there are two slots.
-- A try is live (`freed` 0) until it was certainly not sent: that frees its slot for the next one.
CREATE TABLE try (
    delivery      INTEGER NOT NULL,
    slot          INTEGER NOT NULL CHECK (slot IN (0, 1)),
    no            INTEGER NOT NULL,
    claim         INTEGER NOT NULL,               -- the epoch
    gateway       TEXT NOT NULL,
    intent_at     INTEGER NOT NULL,
    outcome       INTEGER CHECK (outcome IN (1, 2, 3)), -- accepted, not sent, unknown
    outcome_at    INTEGER,
    provider_ref  TEXT,                          -- an SMS gateway's, by which its receipts find the try
    queue_id      TEXT,                          -- a relay's, for the evidence
    freed         INTEGER NOT NULL GENERATED ALWAYS AS (CASE WHEN outcome = 2 THEN no + 1 ELSE 0 END) STORED,
    UNIQUE (delivery, slot, freed)
);
CREATE INDEX try_provider ON try (gateway, provider_ref) WHERE provider_ref IS NOT NULL;

CREATE TABLE worker (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    started_at    INTEGER NOT NULL,
    heartbeat_at  INTEGER NOT NULL,
    ended_at      INTEGER
);

CREATE TABLE claim (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    worker        INTEGER NOT NULL,
    at            INTEGER NOT NULL
);
CREATE INDEX claim_worker ON claim (worker);

-- A rate's theoretical arrival time, one row per gateway or relay, and one per channel of an agency
-- that has a rate of its own: agency:<no>:<channel>.
CREATE TABLE bucket (
    name          TEXT PRIMARY KEY,
    tat           INTEGER NOT NULL DEFAULT 0,
    paused_until  INTEGER
);

-- What an address got lately. The key is a digest, the row goes when it is an hour old.
CREATE TABLE address_use (
    key           BLOB PRIMARY KEY,
    log           TEXT NOT NULL,                 -- JSON (src/domain/address_limit.rs)
    latest        INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX address_use_latest ON address_use (latest);

-- What each agency used of its urgent quota, by minutes, as JSON (src/domain/urgent_quota.rs).
CREATE TABLE urgent_use (
    agency        INTEGER PRIMARY KEY,
    minutes       TEXT NOT NULL DEFAULT '[]'
);

-- What the fleet saw of its gateways lately, in bins of some seconds.
CREATE TABLE gateway_tally (
    gateway       TEXT NOT NULL,
    bin           INTEGER NOT NULL,               -- when it begins
    taken         INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    micros        INTEGER NOT NULL,               -- what those that were taken took together
    PRIMARY KEY (gateway, bin)
);

-- What is decided about them. A gateway without a row is as configured.
CREATE TABLE gateway_state (
    gateway       TEXT PRIMARY KEY,
    version       INTEGER NOT NULL,
    circuit       INTEGER NOT NULL,             -- 0 closed, 1 open
    circuit_since INTEGER NOT NULL,
    share         INTEGER NOT NULL,             -- tenths of the configured weight
    shifted_at    INTEGER NOT NULL,
    worse_at      INTEGER NOT NULL,
    probe_at      INTEGER NOT NULL                -- when the next probe may be given
);

CREATE TABLE gateway_history (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            INTEGER NOT NULL,
    gateway       TEXT NOT NULL,
    from_circuit  INTEGER NOT NULL,
    from_share    INTEGER NOT NULL,
    to_circuit    INTEGER NOT NULL,
    to_share      INTEGER NOT NULL,
    reason        TEXT NOT NULL,                 -- in words
    taken         INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    micros        INTEGER NOT NULL
);

-- Who may send a text to an address within a job: the first.
CREATE TABLE cover (
    job           INTEGER NOT NULL,
    key           BLOB NOT NULL,
    position      INTEGER NOT NULL,
    PRIMARY KEY (job, key)
);

CREATE TABLE opened (
    job           INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (job, position)
);

-- What letters were decided on, and what receipts said of them: proof, without addresses
-- (src/domain/evidence.rs).
CREATE TABLE letter_fact (
    delivery      INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    data          TEXT NOT NULL                  -- JSON
);
CREATE INDEX letter_fact_delivery ON letter_fact (delivery);

-- What the agencies are told, numbered per agency without a gap in the order of the commits: whoever
-- writes an event raises its agency's `last` and holds the row until the commit, so that is done last.
CREATE TABLE event (
    agency        INTEGER NOT NULL,
    sequence      INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    subject       TEXT,
    at            INTEGER NOT NULL,
    data          TEXT NOT NULL,
    PRIMARY KEY (agency, sequence)
);

CREATE TABLE stream (
    agency        INTEGER PRIMARY KEY REFERENCES agency (no),
    last          INTEGER NOT NULL DEFAULT 0      -- the last number given
);

-- How far the streams are read. Apart from `stream`, so that who writes events never waits for it.
CREATE TABLE publication (
    agency        INTEGER PRIMARY KEY REFERENCES agency (no),
    published     INTEGER NOT NULL DEFAULT 0,     -- everything up to it is confirmed
    erased        INTEGER NOT NULL DEFAULT 0      -- everything up to it has left the feed
);

CREATE TABLE lease (
    role          TEXT PRIMARY KEY,
    worker        INTEGER NOT NULL,
    until         INTEGER NOT NULL
);

CREATE TABLE parked_receipt (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway       TEXT NOT NULL,
    receipt       TEXT NOT NULL,                 -- JSON
    received_at   INTEGER NOT NULL
);

CREATE TABLE api_key (
    hash          BLOB PRIMARY KEY,             -- SHA-256
    agency        INTEGER NOT NULL REFERENCES agency (no),
    created_at    INTEGER NOT NULL
);

-- Who is logged in to their page. Ids are SHA-256 of what the browser or the provider holds.
CREATE TABLE page_session (
    id            BLOB PRIMARY KEY,
    provider      BLOB,                          -- the provider's own session
    person        TEXT NOT NULL,
    id_token      TEXT NOT NULL,
    began_at      INTEGER NOT NULL,
    used_at       INTEGER NOT NULL
);
CREATE INDEX page_session_provider ON page_session (provider) WHERE provider IS NOT NULL;

-- The one-time code that a session waits for, one per channel.
CREATE TABLE page_code (
    session       BLOB NOT NULL,
    channel       INTEGER NOT NULL,
    address       TEXT NOT NULL,
    digest        BLOB NOT NULL,
    guesses       INTEGER NOT NULL DEFAULT 0,
    made_at       INTEGER NOT NULL,
    PRIMARY KEY (session, channel)
);

-- When codes were sent lately, by person and by address. The key is a digest.
CREATE TABLE page_sent (
    key           BLOB PRIMARY KEY,
    times         TEXT NOT NULL,                 -- JSON array
    latest        INTEGER NOT NULL
);

-- Which jobs were to a person, as long as the job's numbers are kept; filled when there is a page.
CREATE TABLE person_job (
    person        TEXT NOT NULL,
    job           INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    PRIMARY KEY (person, job, position)
) WITHOUT ROWID;
CREATE INDEX person_job_job ON person_job (job);

-- The local register: one KRR `Person` object each, and the number of its last change.
CREATE TABLE contact (
    person        TEXT PRIMARY KEY,
    document      TEXT NOT NULL,
    change        INTEGER NOT NULL UNIQUE
);

-- One row: the last change of the local register. Whoever changes it holds the row, so that changes
-- become visible in the order of their numbers.
CREATE TABLE contact_change (last INTEGER NOT NULL);
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
    birth_year    INTEGER NOT NULL,
    put_at        INTEGER NOT NULL
);
CREATE INDEX resident_street ON resident (municipality, street_key, number);

-- Keys that were made here because the configuration names none.
CREATE TABLE secret (
    name          TEXT PRIMARY KEY,
    value         BLOB NOT NULL
);

-- The agencies' own opt-out lists, as keyed hashes (src/domain/opt_out.rs).
CREATE TABLE opt_out_head (last INTEGER NOT NULL);
INSERT INTO opt_out_head VALUES (0);
CREATE TABLE opt_out (
    agency        INTEGER NOT NULL,
    hash          BLOB NOT NULL,
    kind          INTEGER NOT NULL,             -- 1 person, 2 phone, 3 email
    classes       INTEGER NOT NULL,             -- 1 letter, 2 service message; 0: taken off
    at            INTEGER NOT NULL,
    sequence      INTEGER NOT NULL,               -- of the change
    PRIMARY KEY (agency, hash)
);
CREATE INDEX opt_out_sequence ON opt_out (sequence);

-- Who was looked up in the register, for whom and why (docs/register.md). One row per call and job,
-- chained by keyed digests (src/domain/audit.rs); each run of a worker has a strand of its own.
CREATE TABLE audit_strand (
    no            INTEGER PRIMARY KEY,           -- 1, 2, 3 … without a gap
    started_at    INTEGER NOT NULL,
    links         INTEGER NOT NULL DEFAULT 0,    -- rows ever written
    last_at       INTEGER NOT NULL DEFAULT 0,
    digest        BLOB NOT NULL                  -- of the last one
);

CREATE TABLE audit (
    strand        INTEGER NOT NULL,
    no            INTEGER NOT NULL,              -- 1, 2, 3 … within the strand
    at            INTEGER NOT NULL,
    agency        TEXT NOT NULL,
    job           TEXT NOT NULL,
    purpose       TEXT NOT NULL,
    persons       BLOB NOT NULL,                 -- 17 bytes each: keyed hash, and what the register said
    previous_at   INTEGER NOT NULL,
    previous      BLOB NOT NULL,                 -- digest of the row before
    digest        BLOB NOT NULL,
    PRIMARY KEY (strand, no)
);
CREATE INDEX audit_at ON audit (at, strand, no);

-- Append only. Retention alone may delete, and only what is older than it says in its transaction.
CREATE TABLE audit_erasing (before INTEGER NOT NULL);
CREATE TRIGGER audit_row_is_kept BEFORE DELETE ON audit
    WHEN OLD.at >= (SELECT COALESCE(MAX(before), 0) FROM audit_erasing)
    BEGIN SELECT RAISE(ABORT, 'the audit of look-ups is append only'); END;
CREATE TRIGGER audit_row_is_as_it_was BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit of look-ups is append only'); END;
