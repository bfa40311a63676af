-- What calls of a person say of the voice's own normal, sealed under a key of its own, which is wrapped by the tenant's key.

-- +goose Up
CREATE TABLE voice_normals (
    tenant        TEXT   NOT NULL REFERENCES tenants (id),
    speaker_id    TEXT   NOT NULL,
    model_sha256  TEXT   NOT NULL,
    model         TEXT   NOT NULL,
    model_version TEXT   NOT NULL,
    key_id        TEXT   NOT NULL,
    wrapped       BYTEA  NOT NULL,
    sealed        BYTEA  NOT NULL,
    consent_ref   TEXT   NOT NULL CHECK (consent_ref <> ''),
    speech_ms     BIGINT NOT NULL CHECK (speech_ms >= 0),
    calls         BIGINT NOT NULL CHECK (calls >= 1),
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, speaker_id, model_sha256)
);
CREATE INDEX voice_normals_by_key ON voice_normals (tenant, key_id);
CREATE INDEX voice_normals_by_update ON voice_normals (tenant, updated_at);
