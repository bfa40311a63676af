// Package caller tells a live call who its customer is: analysis.Voice over the registry of package identity and a speaker model.
//
//	known := caller.New(caller.Options{Model: model, Name: identity, Now: time.Now})
//	voice, err := known.Call(ctx, registry, permit, rulesOf) // one for each call, given to its session
//
// What a call searches is loaded when it begins and shared by the calls of a minute. Deleting a person calls Forget, so that no
// call that begins afterwards compares with the person.
package caller
