// Package policy resolves what may be computed on a call, kept of it, searched for and shown: the Permit of interaction/policy, and
// what the server beside the session needs to know (searches, attempt limits, the retention of voiceprints).
//
// A Config is the section policy of the configuration file; policy.example.yaml documents every key in place. Resolve lays, for one
// call, the overrides that match it over the base, in the order of the file, and the law of the call's jurisdiction over both:
//
//	c, err := policy.Parse(text)
//	err = c.Validate()                                            // every contradiction, at start and not at the first call
//	r, err := c.Resolve(policy.Call{Tenant: "acme", Site: "berlin", Jurisdiction: "DE"})
//	r.Permit                                                      // for the session
//	r.Lines()                                                     // the same in words, with the reason of each
//
// # Terms
//
//   - terms: what the base or one override says; a key that is absent says nothing
//   - override: terms for some tenants, sites, jurisdictions or queues
//   - site: a part of a tenant with rules of its own; an endpoint names it
//   - search: a comparison of a voice with persons whom nobody claimed it to be
//   - release: a person's consent to a voiceprint in writing, electronic included
//   - source: what decided one key: default, an override by name, or a law
//
// # References
//
// EU AI Act (Regulation (EU) 2024/1689) Art. 5(1)(f) and 50(3); Illinois Biometric Information Privacy Act, 740 ILCS 14/15;
// Texas Business and Commerce Code § 503.001.
package policy
