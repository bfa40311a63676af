package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// audioHookDialect is Genesys Cloud's AudioHook, protocol version 2, in the role of an AudioHook Monitor server.
func audioHookDialect() *dialect {
	return &dialect{name: "audiohook", admit: admitAudioHook,
		roles: map[string]interaction.Role{"external": interaction.RoleCustomer, "internal": interaction.RoleAgent},
		protocol: func(s *stream) protocol {
			return &audioHook{s: s, session: s.request.Header.Get("Audiohook-Session-Id")}
		}}
}

const (
	nullUUID = "00000000-0000-0000-0000-000000000000"

	// maxHookText is the longest text that either side takes.
	maxHookText = 65535

	// hookCloseWait is how long the platform has to end the session after we asked it to.
	hookCloseWait = 5 * time.Second
)

var (
	uuidPattern     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	durationPattern = regexp.MustCompile(`^PT((?:\d*\.)?\d+)S$`)
)

// hookMessage is the envelope of both directions.
type hookMessage struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Seq        int64           `json:"seq"`
	ServerSeq  *int64          `json:"serverseq,omitempty"` // from the platform
	ClientSeq  *int64          `json:"clientseq,omitempty"` // from us
	Position   string          `json:"position,omitempty"`  // from the platform
	Parameters json.RawMessage `json:"parameters"`
}

type hookMedia struct {
	Type     string   `json:"type"`
	Format   string   `json:"format"`
	Channels []string `json:"channels"`
	Rate     int      `json:"rate"`
}

type hookOpen struct {
	OrganizationID string `json:"organizationId"`
	ConversationID string `json:"conversationId"`
	Participant    struct {
		ID      string `json:"id"`
		ANI     string `json:"ani"`
		ANIName string `json:"aniName"`
		DNIS    string `json:"dnis"`
	} `json:"participant"`
	Media              []hookMedia                `json:"media"`
	Language           string                     `json:"language,omitempty"`
	SupportedLanguages bool                       `json:"supportedLanguages,omitempty"`
	CustomConfig       map[string]json.RawMessage `json:"customConfig,omitempty"`
	InputVariables     map[string]json.RawMessage `json:"inputVariables,omitempty"`
}

type hookOpened struct {
	Media              []hookMedia `json:"media"`
	SupportedLanguages *[]string   `json:"supportedLanguages,omitempty"`
}

// admitAudioHook checks the API key and, where the endpoint holds the client secret, the signature.
func admitAudioHook(h *Handler, r *http.Request, ep *Endpoint) error {
	if ep.APIKey == "" && ep.Secret == "" {
		return admitByToken(h, r, ep)
	}
	key := r.Header.Get("X-API-KEY")
	if !equal(key, ep.APIKey) {
		return unauthorized("X-API-KEY is not the endpoint's")
	}
	if ep.Secret == "" {
		return nil
	}
	host := r.Host
	if ep.PublicURL != "" {
		_, host, _ = strings.Cut(ep.PublicURL, "://")
		host, _, _ = strings.Cut(host, "/")
	}
	now := h.now()
	if err := verifySignature(r, host, ep.Secret, ep.APIKey, now); err != nil {
		return err
	}
	return h.once.use("audiohook "+r.Header.Get("Signature"), now, now.Add(signatureAge+signatureSkew))
}

type audioHook struct {
	plain
	s       *stream
	session string
	state   hookState
	demux   *demux // nil: no audio

	mu   sync.Mutex // results and answers are numbered together
	seq  int64
	seen int64 // the platform's last seq
}

// hookState is how far a session has come.
type hookState int

const (
	hookOpening hookState = iota
	hookActive
	hookPaused
	hookClosed
)

func (a *audioHook) text(ctx context.Context, data []byte) error {
	if len(data) > maxHookText {
		return tooLarge("message of %d bytes, want at most %d", len(data), maxHookText)
	}
	m, err := a.accept(data)
	if err != nil {
		return err
	}
	if (m.Type == "open") != (a.state == hookOpening) {
		return badRequest("%s in the wrong state, want one open, first", m.Type)
	}
	return a.handle(ctx, m)
}

// accept checks the envelope.
func (a *audioHook) accept(data []byte) (*hookMessage, error) {
	m := &hookMessage{}
	if err := decodeJSON(data, m); err != nil {
		return nil, err
	}
	if a.session == "" {
		a.session = m.ID
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var acknowledged int64
	if m.ServerSeq != nil {
		acknowledged = *m.ServerSeq
	}
	switch {
	case m.Version != "2":
		return nil, badRequest("version %.10q, want 2", m.Version)
	case !uuidPattern.MatchString(m.ID) || m.ID != a.session:
		return nil, badRequest("id %.40q, want the session's", m.ID)
	case m.Seq != a.seen+1:
		return nil, badRequest("seq %d, want %d", m.Seq, a.seen+1)
	case acknowledged < 0 || acknowledged > a.seq:
		return nil, badRequest("serverseq %d, want 0 to %d", acknowledged, a.seq)
	case m.Position != "" && !durationPattern.MatchString(m.Position):
		return nil, badRequest("position %.20q, want PT...S", m.Position)
	}
	a.seen = m.Seq
	return m, nil
}

func (a *audioHook) handle(ctx context.Context, m *hookMessage) error {
	var p struct {
		Discarded string `json:"discarded"`
		Language  string `json:"language"`
		Digit     string `json:"digit"`
		Reason    string `json:"reason"`
		Code      number `json:"code"`
		Message   string `json:"message"`
	}
	if m.Type != "open" && len(m.Parameters) > 0 {
		if err := decodeJSON(m.Parameters, &p); err != nil {
			return err
		}
	}
	switch m.Type {
	case "open":
		return a.open(ctx, m)
	case "ping":
		a.send("pong", struct{}{})
	case "close":
		a.state = hookClosed
		return errStop
	case "discarded":
		return a.missing(ctx, p.Discarded)
	case "paused":
		a.state = hookPaused
	case "resumed":
		a.state = hookActive
		return a.missing(ctx, p.Discarded)
	case "update":
		a.send("updated", struct{}{})
		if a.demux != nil && p.Language != "" {
			return told(ctx, a.s.call.Bind(ctx, interaction.Binding{Language: clean(p.Language)}))
		}
	case "dtmf":
		return a.s.digit(ctx, 0, p.Digit, 0)
	case "error":
		a.s.log.Warn("the platform reports an error", "code", p.Code.or(0), "message", clean(p.Message))
	case "playback_started", "playback_completed":
	default:
		return badRequest("message type %.40q is not known", m.Type)
	}
	return nil
}

func (a *audioHook) open(ctx context.Context, m *hookMessage) error {
	var p hookOpen
	if err := decodeJSON(m.Parameters, &p); err != nil {
		return err
	}
	if org := a.s.request.Header.Get("Audiohook-Organization-Id"); org != "" && !strings.EqualFold(org, p.OrganizationID) {
		return badRequest("organizationId %.40q, want the header's", p.OrganizationID)
	}
	for name, id := range map[string]string{"organizationId": p.OrganizationID, "conversationId": p.ConversationID, "participant.id": p.Participant.ID} {
		if !uuidPattern.MatchString(id) {
			return badRequest("open: %s %.40q, want a UUID", name, id)
		}
	}
	opened := hookOpened{Media: []hookMedia{}}
	if p.SupportedLanguages {
		opened.SupportedLanguages = &[]string{} // there are no words: every language will do
	}
	media, ok := chooseMedia(p.Media)
	probe := p.ConversationID == nullUUID
	switch {
	case ok:
		opened.Media = append(opened.Media, media)
	case !probe:
		return unsupported("open: none of %d media can be taken, want audio PCMU or L16 at 8000 Hz with external and internal", len(p.Media))
	}
	if !probe { // a connection probe is answered, and is no call
		if err := a.openCall(ctx, m.ID, &p, media); err != nil {
			return err
		}
	}
	a.state = hookActive
	a.send("opened", opened)
	if a.demux != nil && a.s.ep.Results {
		a.s.sendResults(a)
	}
	return nil
}

// openCall begins the call of a session. Sessions of one participant of one conversation are one call, as after a reconnect.
func (a *audioHook) openCall(ctx context.Context, session string, p *hookOpen, media hookMedia) error {
	encoding := map[string]string{"PCMU": "mulaw", "L16": "pcm_s16le"}[media.Format]
	start := Start{CallID: p.ConversationID + "/" + p.Participant.ID, StreamID: session, Encoding: encoding, Rate: media.Rate}
	b := &start.Binding
	parameters := flatten(p.CustomConfig)
	for k, v := range flatten(p.InputVariables) {
		parameters[k] = v
	}
	parameters["participant_id"] = p.Participant.ID
	parameters["ani"], parameters["ani_name"], parameters["dnis"] = p.Participant.ANI, p.Participant.ANIName, p.Participant.DNIS
	roles := bind(b, parameters)
	if b.ContactID == "" {
		b.ContactID = p.ConversationID
	}
	if b.Language == "" {
		b.Language = clean(p.Language)
	}
	for _, c := range media.Channels {
		start.Tracks = append(start.Tracks, a.s.track(c, roles))
	}
	if err := a.s.open(ctx, start); err != nil {
		return err
	}
	var err error
	a.demux, err = newDemux(a.s.call, encoding, media.Rate, len(media.Channels), 0, a.s.count)
	return err
}

// chooseMedia returns the offer that we take: both sides rather than one, mu-law rather than linear.
func chooseMedia(offers []hookMedia) (hookMedia, bool) {
	best, points := hookMedia{}, 0
	for _, m := range offers {
		n := 10 * len(m.Channels)
		switch m.Format {
		case "PCMU":
			n++
		case "L16":
		default:
			continue
		}
		known := len(m.Channels) == 1 || len(m.Channels) == 2 && m.Channels[0] != m.Channels[1]
		for _, c := range m.Channels {
			known = known && (c == "external" || c == "internal")
		}
		if known && m.Type == "audio" && m.Rate >= 8000 && m.Rate <= 48000 && n > points {
			best, points = m, n
		}
	}
	return best, points > 0
}

func (a *audioHook) binary(ctx context.Context, data []byte) error {
	switch {
	case a.state == hookOpening:
		return badRequest("audio before open")
	case a.demux == nil:
		return badRequest("audio in a session without media")
	}
	return a.demux.push(ctx, data, a.s.waited, a.s.h.now())
}

// missing puts in audio that the platform did not send.
func (a *audioHook) missing(ctx context.Context, duration string) error {
	if duration == "" || a.demux == nil {
		return nil
	}
	seconds, err := hookSeconds(duration)
	if err != nil {
		return err
	}
	return a.demux.skip(ctx, int64(seconds*float64(a.demux.dec.Rate())+0.5))
}

// hookSeconds reads a duration of at most the longest gap.
func hookSeconds(s string) (float64, error) {
	m := durationPattern.FindStringSubmatch(s)
	if m == nil {
		return 0, badRequest("duration %.20q, want PT...S", s)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil || v*1000 > maxGapMs {
		return 0, badRequest("duration %.20q, want at most %d s", s, maxGapMs/1000)
	}
	return v, nil
}

// hookDuration writes milliseconds as a duration.
func hookDuration(ms int64) string {
	return fmt.Sprintf("PT%sS", strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64))
}

// send sends a message of ours with the next number.
func (a *audioHook) send(kind string, parameters any) {
	data, err := json.Marshal(parameters)
	if err != nil {
		a.s.log.Error("message not written", "type", kind, "err", err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seq++
	seen := a.seen
	a.s.writeJSON(hookMessage{Version: "2", ID: a.session, Type: kind, Seq: a.seq, ClientSeq: &seen, Parameters: data})
}

// result gives an event as an entity of our own type. It writes the message itself, since messages are numbered.
func (a *audioHook) result(e interaction.Event) ([]byte, error) {
	if slices.Contains([]interaction.EventKind{interaction.EventSummary, interaction.EventProgress}, e.Type) {
		return nil, nil // a whole record is too long for a message
	}
	a.send("event", map[string]any{"entities": []any{map[string]any{"type": "timbre", "data": e}}})
	return nil, nil
}

// refuse asks the platform to end the session and gives it the time to.
func (a *audioHook) refuse(r *refusal) {
	reason := "error"
	if r.slug == "unauthorized" {
		reason = "unauthorized"
	}
	a.send("disconnect", map[string]string{"reason": reason, "info": r.text})
	deadline := time.Now().Add(hookCloseWait)
	for {
		text, data, err := a.s.peer.readUntil(deadline)
		if err != nil {
			return
		}
		var m hookMessage
		if text && json.Unmarshal(data, &m) == nil && m.Type == "close" {
			a.mu.Lock()
			a.seen = m.Seq
			a.mu.Unlock()
			a.send("closed", struct{}{})
			return
		}
	}
}

// ended answers the platform's close, when everything else was said.
func (a *audioHook) ended() { a.send("closed", struct{}{}) }
