// Package models holds the shipped model artefacts and hands their layers on: which models there are, whether one is intact,
// under which licence it may be used, and what it expects as input.
//
// An artefact is a folder <task>-<arch>-v<N> with three files, and more where its task has use for them:
//
//	manifest.json        what it is: task, version, rate, features, dimensions, training data, licence class, sha256
//	weights.safetensors  the tensors
//	CARD.md              how it was trained and measured, for people
//	*.safetensors, *.json  what the manifest lists beside them and what may change without new weights, as a calibration
//
// Load reads the manifest, checks the weights against its sha256 and its counts and gives the tensors to whoever knows the task:
//
//	a, err := models.Load("vad-gru-v1")
//	net, err := vad.LoadNet(a.Tensors)
//
// An artefact whose bytes differ from the manifest is ErrIntegrity, one that does not fit what a caller needs is ErrMismatch;
// neither is ever used. Artefact.WithFile and Write make a folder of an artefact with a site's own calibration. The recipes that made the
// weights are under train/.
//
// # Terms
//
//   - artefact: a folder of these files
//   - licence class: what a licence allows in one word; permissive and share-alike weights may be used for any purpose,
//     non-commercial ones not beyond trying them out
package models
