// Package backing fills the interfaces of the console with the store and with the audio of calls.
//
//	h, err := console.New(console.Options{Store: backing.New(st, backing.Options{NewKey: newKey}), Audio: audio, ...})
//
// It is the one place that knows both sides: the console knows no database, the store no page. Values are copied field by field; rows
// that hold secrets (voiceprints, keys) lose them here.
package backing
