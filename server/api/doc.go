// Package api is the REST interface of the server, with an OpenAPI 3.1 description made from its own types at /openapi.json.
//
//	a, err := api.New(api.Options{Keys: keys, Interactions: records, Live: hub, ...})
//	mux.Handle("/", a)
//
// A request is let in by an API key (Authorization: Bearer KEY, or X-API-Key) that has the scope of what it asks for; the key says
// which tenant it acts for, and no parameter can name another. Where the server listens on loopback alone and no key was made yet
// (Options.Open), a request without a key acts for the tenant "default", unless a browser sent it from another site.
//
// Errors are problem details (RFC 9457): type is urn:timbre:problem:CODE with CODE one of invalid, unauthorized, forbidden, not_found,
// conflict, too_large, rate_limited, unavailable and internal, and instance names the request, as the log does. A value that the
// OpenAPI description rules out is answered with status 422 and a list of what is wrong.
//
// Lists come in pages: next_cursor of one page is the cursor of the next, and absent at the end. A POST with an Idempotency-Key is
// carried out once: the same key again gets the first answer, and with another body status 409.
//
// The package declares the small interfaces that it needs; package server fills them. Safe for concurrent use.
package api
