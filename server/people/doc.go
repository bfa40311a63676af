// Package people enrols persons, compares voices with their prints, searches for them and deletes what is kept of them: the one way by
// which the command line, the REST interface and a call that has ended come to it. Who may be known by voice is asked of the registry of
// package identity, what may be done of the policy, before anything is listened to; each step and each refusal is in the audit log.
//
//	desk := &people.Desk{Registry: registry, Known: known, Policy: config, Extractor: pool.Get}
//	made, err := desk.Enrol(ctx, by, people.Request{Speaker: "anna", ConsentRef: "crm-77"}, hear)   // refused before hear is called
//	v, err := desk.Verify(ctx, by, "anna", voiceprint.DefaultPolicy(), listen)                      // an answer, and an attempt counted
//	f, err := desk.Identify(ctx, by, "fraud", voiceprint.DefaultIdentify(), listen)
//	receipt, err := desk.Delete(ctx, by, "anna", "request")                                         // with both, only the file has still to be rebuilt
//
//	normals := desk.Normals(by, resolved)                                                           // for the session of a call; nil where not permitted
//
// # Terms
//
//   - review: why a person has to look at a print before it is in force; a hit of a search is a lead, and no refusal
//   - passive: of an enrolment that was made of a call, not in the person's presence; it always waits for approval
//   - normal: mean and spread of what is measured of a voice to read emotion, and how aroused it was on the whole, kept of a customer's calls for
//     those after them
//   - existing: what an enrolment does with a person who has a print
package people
