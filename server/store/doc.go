// Package store keeps and finds: interaction records with what people add to them, and who may be known by voice. It writes to a
// SQLite file or, where several nodes share, to PostgreSQL; both hold the same tables and run the same statements.
//
// A Store is the open database. Everything that belongs to a tenant is reached through Store.Tenant, whose every statement names
// the tenant; the methods of Store itself serve the server, which acts before a tenant is known or for all of them.
//
//	s, err := store.Open(ctx, store.Options{DSN: "timbre.db", Now: time.Now})
//	err = s.EnsureTenant(ctx, "acme", "Acme Ltd")
//	t := s.Tenant("acme")
//	speaker, err := t.AddSpeaker(ctx, store.Speaker{ID: "c-17"}, store.PersonKey{...})
//
// # What the caller can rely on
//
// Errors are ErrNotFound, ErrConflict, ErrInvalid or ErrUnavailable, wrapped, or a fault inside (see Code). A call that meets
// another writer tries again by itself for some seconds before it is ErrUnavailable. What a method changes, it changes in one
// transaction. Lists come in pages with a cursor that neither repeats nor skips a row that stayed. Times have microseconds and are
// in UTC; the clock is the caller's.
//
// The store holds sealed voiceprints and wrapped keys and can open neither. Deleting a person destroys the wrapped key and the
// rows; on SQLite the bytes are gone from the file too.
//
// # Terms
//
// A tenant is a site whose rows no other tenant sees. A speaker is a person who may be known by voice; a voiceprint is an enrolled
// template of the speaker; the gallery is the prints that may be compared with. A pseudonym stands for a person where the person
// may not be named. A cursor is the place in a list after which the next page begins.
package store
