package identity

import "errors"

// Errors that callers branch on with errors.Is.
var (
	// ErrKeyFile marks a key file that cannot be trusted or understood: readable by others, damaged, of another format.
	ErrKeyFile = errors.New("identity: key file")
	// ErrUnknownKey marks an envelope whose key is not at hand: sealed with another key file, or with a key that was retired.
	ErrUnknownKey = errors.New("identity: no such key")
	// ErrEnvelope marks bytes that are no envelope of the wanted kind.
	ErrEnvelope = errors.New("identity: bad envelope")
	// ErrSealBroken marks an envelope that its key does not open: damaged, or sealed for another tenant, speaker or model.
	ErrSealBroken = errors.New("identity: seal broken")
	// ErrKeyDestroyed marks a person whose key is gone, so that the prints are unreadable for ever.
	ErrKeyDestroyed = errors.New("identity: the person's key was destroyed")
	// ErrBinding marks a tenant, speaker or model name that cannot be bound.
	ErrBinding = errors.New("identity: bad binding")
)
