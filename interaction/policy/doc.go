// Package policy is the value that says what may be computed on one call and what may be kept of it: Permit.
//
// A Permit is given to every analysis session. A stage asks it before any model runs; what it refuses is not computed, and the
// returned Code goes to the record's not_computed. Default is the permit where nobody configured anything. The package is pure:
// it reads no file (server/policy does that) and no clock.
//
// The rules behind the defaults: EU AI Act (Regulation (EU) 2024/1689) Art. 5(1)(f), which prohibits inferring the emotions of a
// person at work, and Art. 50(3), which asks for notice to people exposed to emotion recognition.
package policy
