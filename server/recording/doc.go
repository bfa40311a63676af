// Package recording keeps the audio of live calls, where the policy says so, as WAV files below a folder:
//
//	folder, err := recording.Open(dir)
//	r, err := folder.Begin("acme", id, 8000, "mulaw")
//	err = r.Write(0, samples)             // each channel as it comes
//	err = r.Skip(1, 1600)                 // silence where nothing may be kept, or nothing came
//	name, err := r.Finish()               // acme/id.wav is there, whole; or Discard
//	f, err := folder.File("acme", name)
//	err = folder.Remove("acme", id)
//
// While a call runs each channel is written to a file of its own, so that channels which come on several connections, at different
// times, need no buffer to meet in; at the end they are laid side by side, and the recording appears under its name at once. What
// a process left behind that died in a call is removed by the next Open.
package recording
