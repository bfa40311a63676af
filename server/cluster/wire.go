package cluster

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

// op is a method of ingest.Call.
type op byte

const (
	opAlive op = iota + 1 // nothing but a sign of life, without a number or an answer
	opWrite
	opSkip
	opDigit
	opMark
	opBind
	opWarn
	opResults
	opEnd
	opLast = opEnd
)

// request is one call of a method: its op, its number, and then the samples of a track, or JSON.
type request struct {
	op     op
	number uint64 // from 1 in each stream; 0 for opAlive
	track  int
	x      []float32
	args   arguments
}

// arguments are those of the methods that are not called all the time.
type arguments struct {
	Track    int                 `json:"track,omitempty"`
	N        int64               `json:"n,omitempty"`
	Text     string              `json:"text,omitempty"` // reason, key, kind or warning
	Detail   string              `json:"detail,omitempty"`
	LengthMs int64               `json:"length_ms,omitempty"`
	Binding  interaction.Binding `json:"binding,omitzero"`
	How      ingest.End          `json:"how,omitempty"`
}

const (
	requestHead = 1 + 8
	writeHead   = requestHead + 4

	// maxSamples bounds the samples of one message, which an outside server takes by its default of 1 MiB.
	maxSamples = 32 << 10
)

// append writes r to dst.
func (r *request) append(dst []byte) ([]byte, error) {
	dst = append(dst, byte(r.op))
	dst = binary.BigEndian.AppendUint64(dst, r.number)
	switch r.op {
	case opAlive, opResults:
		return dst, nil
	case opWrite:
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.track))
		for _, v := range r.x {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
		return dst, nil
	}
	args, err := json.Marshal(r.args)
	if err != nil {
		return nil, fmt.Errorf("cluster: request: %w", err)
	}
	return append(dst, args...), nil
}

// parseRequest reads what append wrote.
func parseRequest(b []byte) (request, error) {
	if len(b) < requestHead {
		return request{}, fmt.Errorf("cluster: request: %d bytes, want %d or more", len(b), requestHead)
	}
	r := request{op: op(b[0]), number: binary.BigEndian.Uint64(b[1:])}
	switch {
	case r.op < opAlive || r.op > opLast:
		return request{}, fmt.Errorf("cluster: request: op %d, want 1 to %d", r.op, opLast)
	case (r.op == opAlive) != (r.number == 0):
		return request{}, fmt.Errorf("cluster: request: op %d with number %d, want 0 for a sign of life alone", r.op, r.number)
	case r.op == opAlive || r.op == opResults:
		return r, nil
	case r.op != opWrite:
		if err := json.Unmarshal(b[requestHead:], &r.args); err != nil {
			return request{}, fmt.Errorf("cluster: request: op %d: %w", r.op, err)
		}
		return r, nil
	}
	if len(b) < writeHead || (len(b)-writeHead)%4 != 0 || len(b) > writeHead+4*maxSamples {
		return request{}, fmt.Errorf("cluster: request: samples: %d bytes, want %d and up to %d samples of 4", len(b), writeHead, maxSamples)
	}
	track := binary.BigEndian.Uint32(b[requestHead:])
	if track > math.MaxInt16 {
		return request{}, fmt.Errorf("cluster: request: track %d, want at most %d", track, math.MaxInt16)
	}
	r.track, r.x = int(track), make([]float32, (len(b)-writeHead)/4)
	for i := range r.x {
		r.x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[writeHead+4*i:]))
	}
	return r, nil
}

// opening asks a node to take a stream into a call that it has claimed. Stream is the stream's name among the nodes, by which a
// repetition is known.
type opening struct {
	Stream string       `json:"stream"`
	Start  ingest.Start `json:"start"`
}

// answer is what comes back. An empty message is one without any field: it was done.
type answer struct {
	Code string `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
	ID   string `json:"id,omitempty"` // of the record, to an opening
}

// The codes of an answer.
const (
	codeWorking  = "working"   // it is not done yet: ask again
	codeNotOwner = "not_owner" // the call is not claimed there
	codeBusy     = "busy"
	codeMismatch = "mismatch"
	codeGone     = "gone" // the owner ended the stream, by itself or because it heard nothing
	codeFailed   = "failed"
)

// answerOf makes an answer of what a method returned.
func answerOf(err error) answer {
	switch {
	case err == nil:
		return answer{}
	case errors.Is(err, ingest.ErrBusy):
		return answer{Code: codeBusy, Text: err.Error()}
	case errors.Is(err, ingest.ErrMismatch):
		return answer{Code: codeMismatch, Text: err.Error()}
	case errors.Is(err, ingest.ErrGone):
		return answer{Code: codeGone, Text: err.Error()}
	}
	return answer{Code: codeFailed, Text: err.Error()}
}

// bytes writes an answer.
func (a answer) bytes() []byte {
	if a == (answer{}) {
		return nil
	}
	b, err := json.Marshal(a)
	if err != nil { // texts alone
		return []byte(`{"code":"` + codeFailed + `"}`)
	}
	return b
}

// parseAnswer reads what bytes wrote.
func parseAnswer(b []byte) (a answer, err error) {
	if len(b) == 0 {
		return answer{}, nil
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return answer{}, fmt.Errorf("cluster: answer: %w", err)
	}
	return a, nil
}

// err is what the method returned there.
func (a answer) err() error {
	switch a.Code {
	case "":
		return nil
	case codeBusy:
		return fmt.Errorf("cluster: %w: %s", ingest.ErrBusy, a.Text)
	case codeMismatch:
		return fmt.Errorf("cluster: %w: %s", ingest.ErrMismatch, a.Text)
	case codeGone:
		return fmt.Errorf("cluster: %w: %s", ingest.ErrGone, a.Text)
	}
	return fmt.Errorf("cluster: on the node that has the call: %s", a.Text)
}
