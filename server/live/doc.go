// Package live holds the calls that are running on this node.
//
// A Hub is where package ingest delivers streams. It opens an analysis.Session for a call, joins the streams of one call by the
// platform's call id, takes in who is on the call whenever it becomes known, and what happens to it:
//
//	hub, err := live.New(live.Options{Engine: engine, Records: store, Events: bus})
//	handler, err := ingest.New(ingest.Options{Calls: hub})
//	err = hub.Bind(ctx, tenant, id, interaction.Binding{AgentID: "a-7"})   // PATCH /v1/calls/{id}
//	err = hub.Mark(ctx, tenant, id, "privacy_on", "")                      // POST /v1/calls/{id}/marks
//	err = hub.Shutdown(ctx)                                                // with the handler's, or after it
//
// # What leaves
//
// Events go to Events as they become known. The partial record goes to Records.Checkpoint every few seconds, so that a node that
// dies costs seconds of a call; the final one to Records.Save, tried again until it is taken. A record that cannot be saved is put
// into Options.Spill and tried again from there, after a restart too.
//
// Where the permit says that the audio is kept, it goes to a Recording as it comes; the record tells where it is, or warns that
// it could not be kept. Audio that was dropped under privacy is silence there too.
//
// # Privacy
//
// Between privacy_on and privacy_off, and for half a second after, in which what was spoken before may still arrive, samples and
// keys are dropped before anything sees them; the record has a gap with the reason privacy in their place.
//
// # Ends
//
// A call ends with its last stream. When the connection of the last one broke, the hub waits for Options.Linger in case the platform
// connects again; a stream that takes up the track of a broken one continues it, with what was missed as a gap.
package live
