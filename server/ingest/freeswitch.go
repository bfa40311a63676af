package ingest

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// freeSwitchDialect is FreeSWITCH's mod_audio_fork and mod_audio_stream: L16 frames, before them at most one text of the
// operator's own, whose form nothing tells but the query, that text, or the endpoint. mod_audio_fork is known by its subprotocol.
func freeSwitchDialect() *dialect {
	return &dialect{name: "freeswitch", roles: leftIsCustomer, admit: admitByToken, joins: true, protocol: func(s *stream) protocol {
		f := &forked{s: s}
		for _, name := range offered(s.request) {
			f.wrapped = f.wrapped || name == "audio.drachtio.org"
		}
		return f
	}}
}

// jambonzDialect is jambonz's listen verb: mod_audio_fork with a call description as its first text.
func jambonzDialect() *dialect {
	return &dialect{name: "jambonz", roles: leftIsCustomer, admit: admitByToken, joins: true,
		protocol: func(s *stream) protocol { return &forked{s: s, wrapped: true} }}
}

// forked is the conversation of these modules.
type forked struct {
	plain
	s       *stream
	wrapped bool // results go as {"type":"json","data":...}
	demux   *demux
}

// forkedFormat is what the first text may tell of the audio, in jambonz's words.
type forkedFormat struct {
	SampleRate number `json:"sampleRate"`
	MixType    string `json:"mixType"`
	CallSID    string `json:"callSid"`
	Direction  string `json:"direction"`
}

// forkedEvent is a text that comes after the audio began.
type forkedEvent struct {
	Event    string `json:"event"`
	DTMF     string `json:"dtmf"`
	Duration number `json:"duration"` // in RTP units of 1/8000 s
}

func (f *forked) text(ctx context.Context, data []byte) error {
	if f.demux == nil {
		return f.start(ctx, data)
	}
	var e forkedEvent
	if json.Unmarshal(data, &e) == nil && e.Event == "dtmf" {
		return f.s.digit(ctx, 0, e.DTMF, e.Duration.or(0)/8)
	}
	f.s.count.unknown.Add(1) // the operator's own words, as the last text of a stop
	return nil
}

func (f *forked) binary(ctx context.Context, data []byte) error {
	if len(data) == 0 { // graceful-shutdown: no more audio, and results are waited for
		return errStop
	}
	if f.demux == nil {
		if err := f.start(ctx, nil); err != nil {
			return err
		}
	}
	return f.demux.push(ctx, data, f.s.waited, f.s.h.now())
}

// start begins the audio with what the first text, the query and the endpoint tell.
func (f *forked) start(ctx context.Context, metadata []byte) error {
	var format forkedFormat
	all := map[string]json.RawMessage{}
	parameters := map[string]string{}
	if json.Unmarshal(metadata, &all) == nil {
		if err := decodeJSON(metadata, &format); len(metadata) > 0 && err != nil {
			return err
		}
		parameters = flatten(all)
	} else if len(metadata) > 0 {
		parameters["metadata"] = string(metadata)
	}
	for _, k := range []string{"sampleRate", "mixType", "callSid", "direction"} {
		delete(parameters, k)
	}
	q := f.s.request.URL.Query()
	mix := strings.ToLower(firstOf(format.MixType, q.Get("mix"), q.Get("mixType")))
	m := genericMessage{CallID: format.CallSID, Rate: format.SampleRate, Encoding: "s16le"}
	if format.CallSID == "" {
		m.CallID = firstOf(parameters["callid"], parameters["call_id"])
	}
	if q.Has("rate") || q.Has("sampleRate") {
		m.Rate = number{} // the query is the operator's word about this URL
	}
	m, err := mergeQuery(m, q, f.s.ep)
	if err != nil {
		return err
	}
	channels := m.Channels.or(int64(f.s.ep.Channels))
	if mix == "" && channels == 2 {
		mix = "stereo"
	}
	tracks := map[string][]string{"": {"mono"}, "mono": {"mono"}, "mixed": {"mixed"}, "stereo": {"left", "right"}}[mix]
	if tracks == nil {
		return badRequest("mixType %.20q, want mono, mixed or stereo", mix)
	}
	if m.Channels.ok && m.Channels.n != int64(len(tracks)) {
		return badRequest("channels: %d with mixType %s, want %d", m.Channels.n, mix, len(tracks))
	}
	start := Start{CallID: m.CallID, Encoding: "pcm_s16le", Rate: int(min(m.Rate.or(int64(f.s.ep.Rate)), 1<<20)), Binding: m.Binding}
	if start.Rate == 0 {
		start.Rate = 8000
	}
	start.Binding.ContactID = firstOf(start.Binding.ContactID, m.CallID)
	start.Binding.Direction = firstOf(start.Binding.Direction, direction(format.Direction))
	roles := bind(&start.Binding, parameters)
	if start.Tracks, err = f.s.tracks(tracks, roles); err != nil {
		return err
	}
	if err := f.s.open(ctx, start); err != nil {
		return err
	}
	if f.demux, err = newDemux(f.s.call, start.Encoding, start.Rate, len(tracks), f.s.h.limits.QuietGap, f.s.count); err != nil {
		return err
	}
	if f.s.ep.Results {
		f.s.sendResults(f)
	}
	return nil
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return clean(t)
		}
	}
	return ""
}

// forkedMessage is what mod_audio_fork takes from us.
type forkedMessage struct {
	Type string `json:"type"`
	Data any    `json:"data"`
}

func (f *forked) result(e interaction.Event) ([]byte, error) {
	if f.wrapped {
		return json.Marshal(forkedMessage{"json", e})
	}
	return json.Marshal(e)
}

func (f *forked) refuse(r *refusal) {
	if f.wrapped {
		f.s.writeJSON(forkedMessage{"error", f.s.errorEvent(r)})
		return
	}
	f.s.writeJSON(f.s.errorEvent(r))
}

// finish gives on what is held.
func (f *forked) finish(ctx context.Context) error {
	if f.demux == nil {
		return nil
	}
	return f.demux.flush(ctx, f.s.h.now())
}
