-- Who may be known by voice, and the proof of it. One text for both engines: SQLite reads BIGINT, BYTEA and DOUBLE PRECISION by
-- affinity, PostgreSQL as written. Times are microseconds since 1970 (UTC), ids and words are text, absent times are NULL.

-- +goose Up
CREATE TABLE tenants (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE speakers (
    tenant       TEXT   NOT NULL REFERENCES tenants (id),
    id           TEXT   NOT NULL,
    display_name TEXT   NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('active', 'pending')),
    jurisdiction TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    used_at      BIGINT,
    expires_at   BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX speakers_expiry ON speakers (tenant, expires_at);

CREATE TABLE person_keys (
    tenant     TEXT   NOT NULL,
    speaker_id TEXT   NOT NULL,
    key_id     TEXT   NOT NULL,
    wrapped    BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, speaker_id),
    FOREIGN KEY (tenant, speaker_id) REFERENCES speakers (tenant, id) ON DELETE CASCADE
);
CREATE INDEX person_keys_by_key ON person_keys (tenant, key_id);

CREATE TABLE voiceprints (
    tenant        TEXT   NOT NULL,
    id            TEXT   NOT NULL,
    speaker_id    TEXT   NOT NULL,
    model         TEXT   NOT NULL,
    model_version TEXT   NOT NULL,
    model_sha256  TEXT   NOT NULL,
    state         TEXT   NOT NULL CHECK (state IN ('active', 'pending')),
    sealed        BYTEA  NOT NULL,
    consent_ref   TEXT   NOT NULL CHECK (consent_ref <> ''),
    net_speech_ms BIGINT NOT NULL CHECK (net_speech_ms >= 0),
    snr_db        DOUBLE PRECISION,
    sources       BIGINT NOT NULL CHECK (sources >= 1),
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, speaker_id) REFERENCES speakers (tenant, id) ON DELETE CASCADE
);
CREATE INDEX voiceprints_by_speaker ON voiceprints (tenant, speaker_id, model, model_version);
CREATE INDEX voiceprints_by_model ON voiceprints (tenant, model, model_version, id);

CREATE TABLE consents (
    tenant         TEXT   NOT NULL REFERENCES tenants (id),
    id             TEXT   NOT NULL,
    speaker_id     TEXT   NOT NULL,
    ref            TEXT   NOT NULL CHECK (ref <> ''),
    purpose        TEXT   NOT NULL,
    text_version   TEXT   NOT NULL,
    channel        TEXT   NOT NULL,
    interaction_id TEXT   NOT NULL,
    jurisdiction   TEXT   NOT NULL,
    given_at       BIGINT NOT NULL,
    expires_at     BIGINT,
    withdrawn_at   BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX consents_by_speaker ON consents (tenant, speaker_id, purpose, given_at);

CREATE TABLE opt_outs (
    tenant    TEXT   NOT NULL REFERENCES tenants (id),
    pseudonym TEXT   NOT NULL,
    source    TEXT   NOT NULL,
    since     BIGINT NOT NULL,
    PRIMARY KEY (tenant, pseudonym)
);

CREATE TABLE watchlists (
    tenant         TEXT   NOT NULL REFERENCES tenants (id),
    name           TEXT   NOT NULL,
    purpose        TEXT   NOT NULL CHECK (purpose <> ''),
    legal_basis    TEXT   NOT NULL CHECK (legal_basis <> ''),
    retention_days BIGINT NOT NULL CHECK (retention_days > 0),
    approver       TEXT   NOT NULL CHECK (approver <> ''),
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE watchlist_entries (
    tenant      TEXT   NOT NULL,
    watchlist   TEXT   NOT NULL,
    speaker_id  TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    added_by    TEXT   NOT NULL,
    approved_by TEXT   NOT NULL,
    added_at    BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, watchlist, speaker_id),
    FOREIGN KEY (tenant, watchlist) REFERENCES watchlists (tenant, name) ON DELETE CASCADE,
    FOREIGN KEY (tenant, speaker_id) REFERENCES speakers (tenant, id) ON DELETE CASCADE
);
CREATE INDEX watchlist_entries_by_speaker ON watchlist_entries (tenant, speaker_id);

CREATE TABLE attempts (
    tenant         TEXT   NOT NULL REFERENCES tenants (id),
    id             TEXT   NOT NULL,
    speaker_id     TEXT   NOT NULL,
    interaction_id TEXT   NOT NULL,
    decision       TEXT   NOT NULL,
    llr            DOUBLE PRECISION,
    threshold      DOUBLE PRECISION,
    net_speech_ms  BIGINT NOT NULL,
    reasons        TEXT   NOT NULL,
    shadow         BOOLEAN NOT NULL,
    at             BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX attempts_by_speaker ON attempts (tenant, speaker_id, at, id);
CREATE INDEX attempts_by_time ON attempts (tenant, at, id);

CREATE TABLE lockouts (
    tenant        TEXT   NOT NULL REFERENCES tenants (id),
    speaker_id    TEXT   NOT NULL,
    failures      BIGINT NOT NULL CHECK (failures >= 0),
    attempt_at    BIGINT,
    blocked_until BIGINT,
    locked_at     BIGINT,
    PRIMARY KEY (tenant, speaker_id)
);

CREATE TABLE audit (
    tenant  TEXT   NOT NULL REFERENCES tenants (id),
    seq     BIGINT NOT NULL CHECK (seq >= 1),
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL CHECK (action <> ''),
    subject TEXT   NOT NULL,
    detail  TEXT   NOT NULL,
    prev    BYTEA  NOT NULL,
    hash    BYTEA  NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_by_subject ON audit (tenant, subject, seq);
