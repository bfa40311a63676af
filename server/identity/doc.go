// Package identity keeps voiceprints secret: the sealed envelope in which a print lies in the database, the keys that open it, and
// the pseudonym that stands for a person where the name may not be kept. The command line and the server share it. It sees bytes
// and keys only; where sealed bytes and wrapped keys are stored is package store's business.
//
// # Keys
//
//	tenant key (key file or a key service) -> wraps -> person key (one per person) -> seals -> voiceprints of that person
//
// What is kept of a person's normal voice has a key of its own beside it, wrapped in the same way: it is kept under another consent than the
// prints, and goes alone when that ends.
//
// A person key exists in the database only wrapped by the tenant's key. Deleting the wrapped key makes every print of the person
// unreadable at once, in every copy and backup of the rows that was made without it. A tenant's key is rotated by wrapping each
// person key anew (Vault.Rewrap); the prints themselves stay as they are.
//
// # Terms
//
//   - envelope: header (kind, format version, id of the key) and AES-256-GCM ciphertext with a random nonce and a tag of 16 bytes
//   - binding: what an envelope is good for. Tenant, speaker, model and model version are authenticated with the ciphertext, so a
//     row that was copied to another speaker, tenant or model does not open.
//   - pseudonym: HMAC-SHA-256 of a speaker under a key of the tenant that is never rotated. It is the same for the same person for
//     as long as the tenant lives, and cannot be computed, nor tried out against a list of names, without that key.
//
// # References
//
// NIST SP 800-38D (GCM), NIST SP 800-57 part 1 rev. 5 (key hierarchy, rotation), RFC 2104 (HMAC), ISO/IEC 24745:2022 (protection of
// biometric templates), Regulation (EU) 2016/679 Art. 4(5) (pseudonymisation).
package identity
