package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// HTTP message signatures (RFC 9421) as AudioHook uses them: one signature over six components, HMAC-SHA256.

// signatureSkew is how far the clocks of the two sides may differ, and signatureAge how old a signature may be besides.
const (
	signatureSkew = 3 * time.Second
	signatureAge  = 10 * time.Second
)

// signedComponents are what a signature must cover.
var signedComponents = []string{"@request-target", "@authority", "audiohook-organization-id", "audiohook-session-id", "audiohook-correlation-id", "x-api-key"}

// signatureInput is the value of Signature-Input for one label.
type signatureInput struct {
	label      string
	components []string
	params     map[string]string // values without quotes
	raw        string            // everything after label=
}

// parseSignatureInput reads a dictionary of one member: label=("a" "b");name="value";name=number.
func parseSignatureInput(s string) (signatureInput, error) {
	label, rest, ok := strings.Cut(strings.TrimSpace(s), "=")
	if !ok || !strings.HasPrefix(rest, "(") {
		return signatureInput{}, errors.New("want label=(components);parameters")
	}
	in := signatureInput{label: label, raw: rest, params: map[string]string{}}
	list, params, ok := strings.Cut(rest[1:], ")")
	if !ok {
		return in, errors.New("the list of components does not end")
	}
	for _, c := range strings.Fields(list) {
		if len(c) < 2 || c[0] != '"' || c[len(c)-1] != '"' {
			return in, fmt.Errorf("component %.40q, want it in quotes", c)
		}
		in.components = append(in.components, c[1:len(c)-1])
	}
	for params != "" {
		var name, value string
		if params[0] != ';' {
			return in, errors.New("want parameters after semicolons")
		}
		if name, params, ok = strings.Cut(params[1:], "="); !ok {
			return in, errors.New("a parameter without a value")
		}
		if strings.HasPrefix(params, `"`) {
			if value, params, ok = strings.Cut(params[1:], `"`); !ok {
				return in, errors.New("a parameter's text does not end")
			}
		} else {
			i := strings.IndexByte(params, ';')
			if i < 0 {
				i = len(params)
			}
			value, params = params[:i], params[i:]
		}
		if _, twice := in.params[name]; twice {
			return in, fmt.Errorf("parameter %.20q twice", name)
		}
		in.params[strings.TrimSpace(name)] = value
	}
	return in, nil
}

// signingString is what is signed (RFC 9421 §2.5).
func (in signatureInput) signingString(r *http.Request, authority string) string {
	var b strings.Builder
	for _, c := range in.components {
		value := strings.TrimSpace(r.Header.Get(c))
		switch c {
		case "@request-target":
			value = r.URL.RequestURI()
		case "@authority":
			value = authority
		}
		b.WriteString(`"` + c + `": ` + value + "\n")
	}
	b.WriteString(`"@signature-params": ` + in.raw)
	return b.String()
}

// authority is the host of a request in lower case, without a default port.
func authority(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(host), ":443"), ":80")
}

// verifySignature checks the signature of a request against a secret in base64 and the API key that it must name.
func verifySignature(r *http.Request, host, secret, apiKey string, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return fmt.Errorf("the endpoint's secret is not base64: %w", err)
	}
	in, err := parseSignatureInput(r.Header.Get("Signature-Input"))
	if err != nil {
		return unauthorized("Signature-Input: %s", err)
	}
	for _, c := range signedComponents {
		n := 0
		for _, have := range in.components {
			if have == c {
				n++
			}
		}
		if n != 1 {
			return unauthorized("Signature-Input: %s covered %d times, want once", c, n)
		}
	}
	if err := in.check(apiKey, now); err != nil {
		return err
	}
	given, ok := strings.CutPrefix(strings.TrimSpace(r.Header.Get("Signature")), in.label+"=:")
	given, ends := strings.CutSuffix(given, ":")
	if !ok || !ends {
		return unauthorized("Signature: want %.20s=:base64:", in.label)
	}
	if !equal(given, signHMAC(key, in.signingString(r, authority(host)))) {
		return unauthorized("Signature is not of this request and secret; behind a proxy the endpoint needs its public URL")
	}
	return nil
}

// check holds the parameters against the rules of the platform.
func (in signatureInput) check(apiKey string, now time.Time) error {
	for name := range in.params {
		switch name {
		case "keyid", "nonce", "alg", "created", "expires":
		default:
			return unauthorized("Signature-Input: parameter %.20q is not known", name)
		}
	}
	if alg := in.params["alg"]; alg != "hmac-sha256" {
		return unauthorized("Signature-Input: alg %.20q, want hmac-sha256", alg)
	}
	if !equal(in.params["keyid"], apiKey) {
		return unauthorized("Signature-Input: keyid is not the API key")
	}
	if n := len(in.params["nonce"]); n < 22 {
		return unauthorized("Signature-Input: nonce of %d characters, want at least 22", n)
	}
	created, err := strconv.ParseInt(in.params["created"], 10, 64)
	if err != nil {
		return unauthorized("Signature-Input: created: %.20q, want Unix seconds", in.params["created"])
	}
	at := time.Unix(created, 0)
	switch {
	case at.After(now.Add(signatureSkew)):
		return unauthorized("the signature is of the future: check the clocks")
	case at.Add(signatureAge).Before(now.Add(signatureSkew)):
		return unauthorized("the signature is stale: check the clocks")
	}
	if text, given := in.params["expires"]; given {
		expires, err := strconv.ParseInt(text, 10, 64)
		if err != nil || time.Unix(expires, 0).Before(now.Add(signatureSkew)) {
			return unauthorized("the signature has expired")
		}
	}
	return nil
}

func signHMAC(key []byte, text string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// sign adds a signature to a request as the platform does.
func sign(r *http.Request, secret, apiKey, nonce string, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return fmt.Errorf("ingest: client secret: %w, want base64", err)
	}
	list := `("` + strings.Join(signedComponents, `" "`) + `")`
	in := signatureInput{components: signedComponents, raw: fmt.Sprintf(`%s;keyid="%s";nonce="%s";alg="hmac-sha256";created=%d;expires=%d`,
		list, apiKey, nonce, now.Unix(), now.Unix()+30)}
	r.Header.Set("Signature-Input", "sig1="+in.raw)
	r.Header.Set("Signature", "sig1=:"+signHMAC(key, in.signingString(r, authority(r.Host)))+":")
	return nil
}
