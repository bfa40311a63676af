-- Interaction records with what is searched in them, what people add to them, and what the server needs to run.

-- +goose Up

-- interactions holds what lists show and filter by; the record itself lies apart, so that reading many rows reads little.
CREATE TABLE interactions (
    tenant             TEXT   NOT NULL REFERENCES tenants (id),
    id                 TEXT   NOT NULL,
    at                 BIGINT NOT NULL, -- started_at or, where nothing told it, the time of the first save
    revision           BIGINT NOT NULL,
    state              TEXT   NOT NULL,
    contact_id         TEXT   NOT NULL,
    related_contact_id TEXT   NOT NULL,
    started_at         BIGINT,
    ended_at           BIGINT,
    direction          TEXT   NOT NULL,
    language           TEXT   NOT NULL,
    queue              TEXT   NOT NULL,
    agent_id           TEXT   NOT NULL, -- of the last agent
    customer_id        TEXT   NOT NULL,
    source             TEXT   NOT NULL,
    dialect            TEXT   NOT NULL,
    endpoint           TEXT   NOT NULL,
    decision           TEXT   NOT NULL,
    trend              TEXT   NOT NULL,
    severity           BIGINT NOT NULL, -- of the worst alert: 0 none, 1 info, 2 warning, 3 critical
    review             TEXT   NOT NULL, -- state of the latest evaluation; empty: none
    audio_kept         TEXT   NOT NULL,
    policy             TEXT   NOT NULL,
    jurisdiction       TEXT   NOT NULL,
    retention_until    BIGINT,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    duration_ms                DOUBLE PRECISION,
    lost_ms                    DOUBLE PRECISION,
    talk_share_agent           DOUBLE PRECISION,
    talk_share_customer        DOUBLE PRECISION,
    non_talk_ms                DOUBLE PRECISION,
    non_talk_longest_ms        DOUBLE PRECISION,
    overtalk_ms                DOUBLE PRECISION,
    interruptions_agent        DOUBLE PRECISION,
    interruptions_customer     DOUBLE PRECISION,
    turns                      DOUBLE PRECISION,
    response_latency_agent_ms  DOUBLE PRECISION,
    pace_agent                 DOUBLE PRECISION,
    pace_customer              DOUBLE PRECISION,
    arousal                    DOUBLE PRECISION,
    arousal_end                DOUBLE PRECISION,
    anger                      DOUBLE PRECISION,
    anger_start                DOUBLE PRECISION,
    anger_end                  DOUBLE PRECISION,
    anger_peak                 DOUBLE PRECISION,
    valence                    DOUBLE PRECISION,
    valence_start              DOUBLE PRECISION,
    valence_end                DOUBLE PRECISION,
    llr                        DOUBLE PRECISION,
    net_speech_ms              DOUBLE PRECISION,
    alerts                     DOUBLE PRECISION,
    peak_end                   DOUBLE PRECISION,
    predicted_csat             DOUBLE PRECISION,
    nps                        DOUBLE PRECISION,
    csat                       DOUBLE PRECISION,
    ces                        DOUBLE PRECISION,
    score                      DOUBLE PRECISION,
    PRIMARY KEY (tenant, id)
);
-- The metrics that are asked for most lie in the index of times, so that a range of one that few meet is not looked for row by row.
CREATE INDEX interactions_by_time ON interactions (tenant, at, id, anger, anger_end, anger_peak, arousal, non_talk_longest_ms, overtalk_ms,
    interruptions_agent, duration_ms, llr, score, csat, nps);
CREATE INDEX interactions_by_anger_peak ON interactions (tenant, anger_peak, id);
CREATE INDEX interactions_by_anger_end ON interactions (tenant, anger_end, id);
CREATE INDEX interactions_by_silence ON interactions (tenant, non_talk_longest_ms, id);
CREATE INDEX interactions_by_queue ON interactions (tenant, queue, at, id);
CREATE INDEX interactions_by_decision ON interactions (tenant, decision, at, id);
CREATE INDEX interactions_by_contact ON interactions (tenant, contact_id, at, id);
CREATE INDEX interactions_by_review ON interactions (tenant, review, at, id);
CREATE INDEX interactions_by_severity ON interactions (tenant, severity, at, id);
CREATE INDEX interactions_by_retention ON interactions (tenant, retention_until);

CREATE TABLE records (
    tenant         TEXT NOT NULL,
    interaction_id TEXT NOT NULL,
    record         TEXT NOT NULL,
    PRIMARY KEY (tenant, interaction_id),
    FOREIGN KEY (tenant, interaction_id) REFERENCES interactions (tenant, id) ON DELETE CASCADE
);

CREATE TABLE participants (
    tenant         TEXT   NOT NULL,
    interaction_id TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    role           TEXT   NOT NULL,
    channel        BIGINT NOT NULL,
    external_id    TEXT   NOT NULL,
    display_name   TEXT   NOT NULL,
    from_ms        BIGINT NOT NULL,
    to_ms          BIGINT NOT NULL,
    PRIMARY KEY (tenant, interaction_id, id),
    FOREIGN KEY (tenant, interaction_id) REFERENCES interactions (tenant, id) ON DELETE CASCADE
);

-- parties names once per interaction who it is found by: its agents and customers, and the speakers that a search named in it.
CREATE TABLE parties (
    tenant         TEXT   NOT NULL,
    role           TEXT   NOT NULL CHECK (role IN ('agent', 'customer', 'speaker')),
    external_id    TEXT   NOT NULL,
    at             BIGINT NOT NULL,
    interaction_id TEXT   NOT NULL,
    PRIMARY KEY (tenant, role, external_id, at, interaction_id),
    FOREIGN KEY (tenant, interaction_id) REFERENCES interactions (tenant, id) ON DELETE CASCADE
);
CREATE INDEX parties_by_interaction ON parties (tenant, interaction_id);

CREATE TABLE segments (
    tenant         TEXT   NOT NULL,
    interaction_id TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    participant_id TEXT   NOT NULL,
    channel        BIGINT NOT NULL,
    start_ms       BIGINT NOT NULL,
    end_ms         BIGINT NOT NULL,
    label          TEXT   NOT NULL, -- empty: not scored
    arousal        DOUBLE PRECISION,
    valence        DOUBLE PRECISION,
    confidence     DOUBLE PRECISION,
    snr_db         DOUBLE PRECISION,
    PRIMARY KEY (tenant, interaction_id, id),
    FOREIGN KEY (tenant, interaction_id) REFERENCES interactions (tenant, id) ON DELETE CASCADE
);

-- emotions holds for each class its share of the customer's scored speech.
CREATE TABLE emotions (
    tenant         TEXT   NOT NULL,
    interaction_id TEXT   NOT NULL,
    label          TEXT   NOT NULL,
    at             BIGINT NOT NULL,
    share          DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (tenant, interaction_id, label),
    FOREIGN KEY (tenant, interaction_id) REFERENCES interactions (tenant, id) ON DELETE CASCADE
);
CREATE INDEX emotions_by_label ON emotions (tenant, label, at, interaction_id, share);

CREATE TABLE alerts (
    tenant          TEXT   NOT NULL,
    interaction_id  TEXT   NOT NULL,
    rule            TEXT   NOT NULL,
    start_ms        BIGINT NOT NULL,
    end_ms          BIGINT NOT NULL,
    severity        TEXT   NOT NULL,
    evidence        TEXT   NOT NULL,
    at              BIGINT NOT NULL,
    acknowledged_by TEXT   NOT NULL,
    acknowledged_at BIGINT,
    snoozed_until   BIGINT,
    PRIMARY KEY (tenant, interaction_id, rule, start_ms),
    FOREIGN KEY (tenant, interaction_id) REFERENCES interactions (tenant, id) ON DELETE CASCADE
);
CREATE INDEX alerts_by_time ON alerts (tenant, at, interaction_id, rule);

CREATE TABLE corrections (
    tenant         TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    interaction_id TEXT   NOT NULL,
    segment_id     TEXT   NOT NULL,
    field          TEXT   NOT NULL CHECK (field IN ('emotion', 'participant')),
    was            TEXT   NOT NULL,
    is_now         TEXT   NOT NULL,
    made_by        TEXT   NOT NULL,
    made_at        BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, interaction_id) REFERENCES interactions (tenant, id) ON DELETE CASCADE
);
CREATE INDEX corrections_by_interaction ON corrections (tenant, interaction_id, made_at, id);
CREATE INDEX corrections_by_time ON corrections (tenant, made_at, id);

CREATE TABLE directory (
    tenant       TEXT   NOT NULL REFERENCES tenants (id),
    kind         TEXT   NOT NULL CHECK (kind IN ('agent', 'customer', 'queue')),
    id           TEXT   NOT NULL,
    display_name TEXT   NOT NULL,
    attributes   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
);

CREATE TABLE surveys (
    tenant      TEXT   NOT NULL REFERENCES tenants (id),
    id          TEXT   NOT NULL,
    contact_id  TEXT   NOT NULL CHECK (contact_id <> ''),
    customer_id TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    value       BIGINT NOT NULL,
    asked_at    BIGINT,
    answered_at BIGINT,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    CHECK (kind = 'nps' AND value BETWEEN 0 AND 10 OR kind = 'csat' AND value BETWEEN 1 AND 5 OR kind = 'ces' AND value BETWEEN 1 AND 7)
);
CREATE INDEX surveys_by_contact ON surveys (tenant, contact_id, created_at, id);
CREATE INDEX surveys_by_customer ON surveys (tenant, customer_id, created_at, id);
CREATE INDEX surveys_by_time ON surveys (tenant, created_at, id);

CREATE TABLE tasks (
    tenant         TEXT   NOT NULL REFERENCES tenants (id),
    id             TEXT   NOT NULL,
    interaction_id TEXT   NOT NULL,
    customer_id    TEXT   NOT NULL,
    title          TEXT   NOT NULL CHECK (title <> ''),
    owner          TEXT   NOT NULL,
    due            BIGINT,
    source         TEXT   NOT NULL,
    state          TEXT   NOT NULL CHECK (state IN ('open', 'done')),
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX tasks_by_time ON tasks (tenant, state, created_at, id);
CREATE INDEX tasks_by_owner ON tasks (tenant, owner, created_at, id);
CREATE INDEX tasks_by_customer ON tasks (tenant, customer_id, created_at, id);
CREATE INDEX tasks_by_interaction ON tasks (tenant, interaction_id, created_at, id);

CREATE TABLE forms (
    tenant     TEXT   NOT NULL REFERENCES tenants (id),
    id         TEXT   NOT NULL,
    version    BIGINT NOT NULL CHECK (version >= 1),
    state      TEXT   NOT NULL CHECK (state IN ('draft', 'active', 'locked')),
    title      TEXT   NOT NULL,
    definition TEXT   NOT NULL,
    made_by    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id, version)
);

CREATE TABLE evaluations (
    tenant          TEXT   NOT NULL,
    id              TEXT   NOT NULL,
    interaction_id  TEXT   NOT NULL,
    agent_id        TEXT   NOT NULL,
    form            TEXT   NOT NULL,
    version         BIGINT NOT NULL,
    evaluator       TEXT   NOT NULL,
    answers         TEXT   NOT NULL,
    notes           TEXT   NOT NULL,
    score           DOUBLE PRECISION,
    state           TEXT   NOT NULL CHECK (state IN ('draft', 'submitted', 'acknowledged', 'disputed')),
    dispute         TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    submitted_at    BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, interaction_id) REFERENCES interactions (tenant, id) ON DELETE CASCADE
);
CREATE INDEX evaluations_by_interaction ON evaluations (tenant, interaction_id, created_at, id);
CREATE INDEX evaluations_by_agent ON evaluations (tenant, agent_id, created_at, id);
CREATE INDEX evaluations_by_evaluator ON evaluations (tenant, evaluator, created_at, id);
CREATE INDEX evaluations_by_time ON evaluations (tenant, created_at, id);

CREATE TABLE legal_holds (
    tenant      TEXT   NOT NULL REFERENCES tenants (id),
    id          TEXT   NOT NULL,
    kind        TEXT   NOT NULL CHECK (kind IN ('interaction', 'customer', 'speaker')),
    subject     TEXT   NOT NULL,
    reason      TEXT   NOT NULL CHECK (reason <> ''),
    placed_by   TEXT   NOT NULL,
    placed_at   BIGINT NOT NULL,
    released_by TEXT   NOT NULL,
    released_at BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX legal_holds_by_subject ON legal_holds (tenant, kind, subject);

CREATE TABLE checkpoints (
    tenant         TEXT   NOT NULL REFERENCES tenants (id),
    interaction_id TEXT   NOT NULL,
    node           TEXT   NOT NULL,
    at             BIGINT NOT NULL,
    record         TEXT   NOT NULL,
    PRIMARY KEY (tenant, interaction_id)
);
CREATE INDEX checkpoints_by_time ON checkpoints (at);

CREATE TABLE outbox (
    tenant         TEXT   NOT NULL REFERENCES tenants (id),
    id             BIGINT NOT NULL,
    interaction_id TEXT   NOT NULL,
    kind           TEXT   NOT NULL,
    body           TEXT   NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX outbox_by_interaction ON outbox (tenant, interaction_id);

CREATE TABLE uploads (
    tenant         TEXT   NOT NULL REFERENCES tenants (id),
    id             TEXT   NOT NULL,
    state          TEXT   NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    file           TEXT   NOT NULL,
    audio          TEXT   NOT NULL,
    bytes          BIGINT NOT NULL,
    binding        TEXT   NOT NULL,
    progress       DOUBLE PRECISION NOT NULL,
    interaction_id TEXT   NOT NULL,
    error          TEXT   NOT NULL,
    attempts       BIGINT NOT NULL,
    leased_until   BIGINT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX uploads_by_state ON uploads (state, leased_until, created_at);
CREATE INDEX uploads_by_time ON uploads (tenant, created_at, id);

CREATE TABLE users (
    tenant        TEXT    NOT NULL REFERENCES tenants (id),
    id            TEXT    NOT NULL,
    login         TEXT    NOT NULL CHECK (login <> ''),
    display_name  TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    roles         TEXT    NOT NULL,
    agent_id      TEXT    NOT NULL,
    disabled      BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, login)
);

CREATE TABLE sessions (
    tenant     TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    user_id    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hash),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id) ON DELETE CASCADE
);
CREATE INDEX sessions_by_user ON sessions (tenant, user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE api_keys (
    tenant     TEXT   NOT NULL REFERENCES tenants (id),
    id         TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    scopes     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT,
    expires_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (tenant, id),
    UNIQUE (id)
);

CREATE TABLE endpoints (
    tenant     TEXT    NOT NULL REFERENCES tenants (id),
    dialect    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    sealed     BYTEA   NOT NULL,
    public_url TEXT    NOT NULL,
    roles      TEXT    NOT NULL,
    policy     TEXT    NOT NULL,
    encoding   TEXT    NOT NULL,
    rate_hz    BIGINT  NOT NULL,
    channels   BIGINT  NOT NULL,
    results    BOOLEAN NOT NULL,
    disabled   BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    PRIMARY KEY (tenant, dialect, name),
    UNIQUE (dialect, name)
);

CREATE TABLE webhooks (
    tenant     TEXT   NOT NULL REFERENCES tenants (id),
    id         TEXT   NOT NULL,
    url        TEXT   NOT NULL,
    sealed     BYTEA  NOT NULL,
    kinds      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE idempotency_keys (
    tenant     TEXT   NOT NULL REFERENCES tenants (id),
    key        TEXT   NOT NULL,
    request    TEXT   NOT NULL,
    answer     BYTEA  NOT NULL, -- empty: still running
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

CREATE TABLE saved_views (
    tenant     TEXT    NOT NULL REFERENCES tenants (id),
    id         TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    name       TEXT    NOT NULL CHECK (name <> ''),
    query      TEXT    NOT NULL,
    shared     BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX saved_views_by_owner ON saved_views (tenant, owner, name);
