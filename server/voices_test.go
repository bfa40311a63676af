package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// seededVoice is a speaker model of seeded weights, whose scores tell no more than that the same recording is the same, with a
// calibration made by hand that takes nobody for another.
func seededVoice(t *testing.T) Voice {
	t.Helper()
	weights := testkit.Read(t, testkit.Testdata(t, "golden", "nn", "speaker.safetensors"))
	sum := sha256.Sum256(weights)
	params := 0
	var header map[string]struct {
		Shape []int `json:"shape"`
	}
	n := int(weights[0]) | int(weights[1])<<8 | int(weights[2])<<16
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(weights[8:8+n], &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "__metadata__")
	plain, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(plain, &header); err != nil {
		t.Fatal(err)
	}
	for _, x := range header {
		size := 1
		for _, d := range x.Shape {
			size *= d
		}
		params += size
	}
	manifest, err := json.Marshal(models.Manifest{
		Name: "speaker-tdnn-v1", Task: voiceprint.Task, Arch: "tdnn", Version: "1.0.0", Summary: "seeded weights", Created: "2026-11-25", SampleRateHz: voiceprint.Rate,
		Features: voiceprint.FrontEnd().String(), InputDims: 40, OutputDims: 28, Params: params, WeightsType: "F16", WeightsBytes: int64(len(weights)),
		SHA256: hex.EncodeToString(sum[:]), Licence: "Apache-2.0", LicenceClass: models.Permissive, Classes: []string{},
		TrainingData: []models.Data{{Name: "none", What: "seeded noise", Licence: "none"}}, Recipe: "none",
	})
	if err != nil {
		t.Fatal(err)
	}
	artefact, err := models.NewStore(fstest.MapFS{
		"speaker-tdnn-v1/manifest.json": {Data: manifest}, "speaker-tdnn-v1/weights.safetensors": {Data: weights}, "speaker-tdnn-v1/CARD.md": {Data: []byte("# Seeded weights\n")},
	}).Load("speaker-tdnn-v1")
	if err != nil {
		t.Fatal(err)
	}
	m, err := voiceprint.LoadModel(artefact)
	if err != nil {
		t.Fatal(err)
	}
	m, err = m.WithCalibration(&voiceprint.Calibration{
		Model: m.ID(), Scoring: voiceprint.ScoreCosine, Bias: 0, Terms: []voiceprint.Term{{Name: voiceprint.TermScore, Weight: 10, Low: -1, High: 1}},
		Thresholds: []voiceprint.Threshold{{FMR: 0.01, LLR: 3, LLRLow: 2, LLRHigh: 4, FMRHigh: 0.02, FNMRHigh: 0.1, Statement: "made by hand"}},
		Fit:        voiceprint.Fit{Data: "made by hand", Targets: 1, Nontargets: 1, Speakers: 2, PTarget: 0.05},
	})
	if err != nil {
		t.Fatal(err)
	}
	speech, err := models.Load("vad-gru-v1")
	if err != nil {
		t.Fatal(err)
	}
	net, err := vad.LoadNet(speech.Tensors)
	if err != nil {
		t.Fatal(err)
	}
	return Voice{Model: m, LicenceClass: "permissive", Speech: net}
}

// TestVoicesByUpload enrols, verifies, identifies and deletes a person over REST.
func TestVoicesByUpload(t *testing.T) {
	dir := t.TempDir()
	c := config(dir)
	why := policy.Search{Kind: policy.SearchIdentification, Purpose: "p", LegalBasis: "l", RetentionDays: 30, Approver: "a"}
	fraud, none := why, why
	fraud.Kind, fraud.List, none.Kind, none.List = policy.SearchWatchlist, "fraud", policy.SearchWatchlist, "none"
	c.Policy.Searches = &[]policy.Search{why, fraud, none}
	n := runWith(t, c, Deps{Voice: seededVoice(t)})
	recording := testkit.Read(t, testkit.Testdata(t, "calls", "sample-call.wav"))
	post := func(path string, body []byte, want int, out any) {
		t.Helper()
		n.request(t, http.MethodPost, path, "", bytes.NewReader(body), want, out)
	}
	post("/v1/speakers/anna/voiceprints?consent_ref=r-1", recording, 422, nil) // of two channels none is chosen
	post("/v1/speakers/anna/voiceprints?consent_ref=r-1&channel=2", recording, 422, nil)
	post("/v1/speakers/anna/voiceprints?consent_ref=r-1&channel=1", []byte("no recording"), 422, nil)
	var refused string
	post("/v1/speakers/anna/voiceprints?consent_ref=r-1&channel=1&jurisdiction=nowhere", recording, 422, &refused)
	if !strings.Contains(refused, `jurisdiction \"nowhere\", want an ISO 3166 code`) {
		t.Errorf("a jurisdiction that is none: %s, want the value and what was wanted", refused)
	}
	n.request(t, http.MethodPost, "/v1/consents", "", strings.NewReader(`{"speaker_id": "anna", "ref": "r-0", "purpose": "verify", "jurisdiction": "nowhere"}`), 422, nil)
	var e api.Enrolled
	post("/v1/speakers/anna/voiceprints?consent_ref=r-1&channel=1", recording, 201, &e)
	if e.Speaker.ID != "anna" || len(e.Speaker.Prints) != 1 || e.NetSpeechMs < 10000 {
		t.Fatalf("enrolled %+v", e)
	}
	post("/v1/speakers/anna/voiceprints?consent_ref=r-2&channel=1", recording, 422, nil) // the same recording again
	post("/v1/speakers/bert/voiceprints?consent_ref=r-3&channel=0", recording, 201, &e)

	var v interaction.Voice
	post("/v1/verify?speaker=anna&channel=1", recording, 200, &v)
	if v.Decision != interaction.Authenticated || v.LLR == nil || *v.LLR < *v.Threshold || v.Assurance != interaction.AssuranceEvidenceOnly || v.Codec != "mulaw" {
		t.Errorf("the same recording: %+v", v)
	}
	same := *v.LLR
	v = interaction.Voice{}
	post("/v1/verify?speaker=anna&channel=0", recording, 200, &v)
	if v.LLR == nil || *v.LLR >= same {
		t.Errorf("the other side: %+v, want an LLR under %g", v, same)
	}
	v = interaction.Voice{}
	post("/v1/verify?speaker=nobody&channel=0", recording, 200, &v)
	if v.Decision != interaction.NotEnrolled || v.LLR != nil {
		t.Errorf("nobody: %+v", v)
	}
	v = interaction.Voice{}
	post("/v1/identify?top=2&channel=1", recording, 200, &v)
	if len(v.Candidates) == 0 || v.Candidates[0].SpeakerID != "anna" {
		t.Errorf("identified: %+v", v)
	}
	post("/v1/identify?watchlist=none&channel=1", recording, 404, nil)
	post("/v1/identify?watchlist=unnamed&channel=1", recording, 403, nil) // the policy names no such search
	n.request(t, http.MethodPut, "/v1/watchlists/fraud", "", strings.NewReader(`{"purpose": "p", "legal_basis": "l", "retention_days": 30, "approver": "a"}`), 204, nil)
	send := func(method, path, body string, want int) {
		t.Helper()
		n.request(t, method, path, "", strings.NewReader(body), want, nil)
	}
	send(http.MethodPost, "/v1/watchlists/fraud/entries", `{"speaker_id": "bert", "reason": "r", "added_by": "a"}`, 201)
	send(http.MethodPost, "/v1/watchlists/fraud/entries/bert/approve", `{"approved_by": "y"}`, 403)
	send(http.MethodPost, "/v1/watchlists/fraud/entries/bert/approve", `{"approved_by": "a"}`, 403) // who added it
	v = interaction.Voice{}
	post("/v1/identify?watchlist=fraud&channel=0", recording, 200, &v)
	if len(v.Watchlist) != 0 {
		t.Errorf("an entry that nobody approved is found: %+v", v)
	}
	send(http.MethodPost, "/v1/watchlists/fraud/entries", `{"speaker_id": "bert", "reason": "r", "added_by": "x"}`, 201)
	send(http.MethodPost, "/v1/watchlists/fraud/entries/bert/approve", `{"approved_by": "a"}`, 204)
	v = interaction.Voice{}
	post("/v1/identify?watchlist=fraud&channel=0", recording, 200, &v)
	if len(v.Watchlist) != 1 || v.Watchlist[0].SpeakerID != "bert" || v.Watchlist[0].List != "fraud" {
		t.Errorf("watchlist: %+v", v)
	}

	// The voice of somebody on the watchlist comes to be enrolled: a lead for a person, and not in force until then.
	e = api.Enrolled{}
	post("/v1/speakers/carl/voiceprints?consent_ref=r-4&channel=0", recording, 201, &e)
	if !slices.Contains(e.Reasons, "watchlist_match") || e.Speaker.State != "pending" || e.Speaker.Prints[0].State != "pending" {
		t.Errorf("enrolled beside a watchlist: %+v", e)
	}
	v = interaction.Voice{}
	post("/v1/verify?speaker=carl&channel=0", recording, 200, &v)
	if v.Decision != interaction.NotEnrolled {
		t.Errorf("before approval: %+v", v)
	}

	var list api.List[api.Speaker]
	n.request(t, http.MethodGet, "/v1/speakers", "", nil, 200, &list)
	if len(list.Items) != 3 || list.Items[0].UsedAt == nil {
		t.Errorf("speakers: %+v", list.Items)
	}
	var consents api.List[api.Consent]
	n.request(t, http.MethodGet, "/v1/consents?speaker_id=anna", "", nil, 200, &consents)
	if len(consents.Items) != 1 || consents.Items[0].Ref != "r-1" {
		t.Errorf("consents: %+v", consents.Items)
	}
	keys, err := identity.OpenKeyFile(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	alias, err := keys.Pseudonym(identity.Subject{Tenant: "default", Speaker: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	var r api.Receipt
	n.request(t, http.MethodDelete, "/v1/speakers/anna", "", nil, 200, &r)
	if r.Pseudonym != alias || r.Keys != 1 || r.Voiceprints != 1 || r.Consents != 1 || r.AuditSeq == 0 {
		t.Errorf("receipt %+v, want pseudonym %s", r, alias)
	}
	n.request(t, http.MethodDelete, "/v1/speakers/anna", "", nil, 404, nil)
	v = interaction.Voice{}
	post("/v1/verify?speaker=anna&channel=1", recording, 200, &v)
	if v.Decision != interaction.NotEnrolled {
		t.Errorf("after the deletion: %+v", v)
	}
	rows := n.store.Tenant("default")
	n.request(t, http.MethodPut, "/v1/speakers/anna/opt-out?source=test", "", nil, 204, nil)
	n.request(t, http.MethodDelete, "/v1/speakers/nobody/opt-out", "", nil, 404, nil)
	post("/v1/speakers/anna/voiceprints?consent_ref=r-9&channel=1", recording, 403, nil)
	v = interaction.Voice{}
	post("/v1/verify?speaker=anna&channel=1", recording, 200, &v)
	if v.Decision != interaction.OptedOut {
		t.Errorf("after the opt-out: %+v", v)
	}
	log, err := rows.Audit(t.Context(), alias, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range log.Items {
		actions = append(actions, e.Action)
		if e.Actor != "loopback" {
			t.Errorf("actor %q, want loopback", e.Actor)
		}
	}
	slices.Sort(actions)
	if got := strings.Join(slices.Compact(actions), " "); got != "consent delete delete_begun delete_refused enrol enrol_refused opt_out verify" {
		t.Errorf("audit of the person: %s", got)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	// Without its key file the server must not make another, which would orphan bert's print.
	if err := os.Remove(filepath.Join(dir, "keys.json")); err != nil {
		t.Fatal(err)
	}
	engine, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := New(t.Context(), config(dir), Deps{Engine: engine}); err == nil {
		s.Close()
		t.Error("a server without its key file starts")
	} else if !strings.Contains(err.Error(), "key_file") {
		t.Errorf("without the key file: %v", err)
	}
}

func TestVoicesWithoutAModel(t *testing.T) {
	n := run(t, config(t.TempDir()))
	n.request(t, http.MethodPost, "/v1/verify?speaker=anna", "", strings.NewReader("RIFF"), 503, nil)
	n.request(t, http.MethodGet, "/v1/speakers", "", nil, 200, nil)
	n.request(t, http.MethodDelete, "/v1/speakers/anna", "", nil, 404, nil)
}

// TestPolicyOfVerificationByUpload: what the policy does not permit is not compared, and what it keeps in the shadow is not shown.
func TestPolicyOfVerificationByUpload(t *testing.T) {
	recording := testkit.Read(t, testkit.Testdata(t, "calls", "sample-call.wav"))
	voice, on, off := seededVoice(t), true, false
	for name, c := range map[string]struct {
		verification, shadow *bool
		status               int
	}{"forbidden": {&off, &off, 403}, "shadow": {&on, &on, 200}} {
		t.Run(name, func(t *testing.T) {
			conf := config(t.TempDir())
			conf.Policy.Verification, conf.Policy.Shadow = c.verification, c.shadow
			n := runWith(t, conf, Deps{Voice: voice})
			n.request(t, http.MethodPost, "/v1/speakers/anna/voiceprints?consent_ref=r&channel=1", "", bytes.NewReader(recording), 201, nil)
			var v interaction.Voice
			n.request(t, http.MethodPost, "/v1/verify?speaker=anna&channel=1", "", bytes.NewReader(recording), c.status, &v)
			attempts, err := n.store.Tenant("default").Attempts(t.Context(), "anna", store.Page{})
			if err != nil {
				t.Fatal(err)
			}
			if c.status == 200 {
				if v.Decision != interaction.Inconclusive || v.LLR != nil || v.Reasons[0] != people.ReasonShadow {
					t.Errorf("shown: %+v", v)
				}
				if len(attempts.Items) != 1 || !attempts.Items[0].Shadow || attempts.Items[0].LLR == nil {
					t.Errorf("kept: %+v", attempts.Items)
				}
			} else if len(attempts.Items) != 0 {
				t.Errorf("kept: %+v", attempts.Items)
			}
			if err := n.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestCallerIsKnownOnALiveCall enrols a customer, plays a live call that claims to be them, and finds the events, the record and the
// attempt; then the customer opts out, and the next call is not heard.
func TestCallerIsKnownOnALiveCall(t *testing.T) {
	n := runWith(t, config(t.TempDir()), Deps{Voice: seededVoice(t)})
	n.request(t, http.MethodPost, "/v1/speakers/anna/voiceprints?consent_ref=r&channel=1", "", bytes.NewReader(testkit.Read(t, testkit.Testdata(t, "calls", "sample-call.wav"))), 201, nil)
	call := func(id string) (*interaction.Interaction, int) {
		t.Helper()
		heard := n.listen(t, "/v1/events", "")
		if err := play(t, n, "generic", "/v1/stream", id, 0, map[string]string{"claimed_identity": "anna"}); err != nil {
			t.Fatal(err)
		}
		told := 0
		for e := range heard {
			if e.Type == interaction.EventVoice {
				told++
			}
			if e.Type == interaction.EventSessionEnded {
				var raw string
				n.request(t, http.MethodGet, "/v1/interactions/"+e.CallID, "", nil, 200, &raw)
				r, err := interaction.Parse([]byte(raw))
				if err != nil {
					t.Fatal(err)
				}
				return r, told
			}
		}
		t.Fatal("the call did not end")
		return nil, 0
	}
	r, _ := call("first")
	if r.Voice == nil || r.Voice.Decision == interaction.NotEnrolled || r.Voice.Decision == interaction.OptedOut || r.Voice.Assurance != interaction.AssuranceEvidenceOnly {
		t.Errorf("voice %+v, want what the voice says about the claim", r.Voice)
	}
	attempts, err := n.store.Tenant("default").Attempts(t.Context(), "anna", store.Page{})
	if err != nil || len(attempts.Items) != 1 || attempts.Items[0].InteractionID != r.Contact.ID || attempts.Items[0].Decision != r.Voice.Decision {
		t.Errorf("attempts %+v, %v, want the call's", attempts.Items, err)
	}
	n.request(t, http.MethodPut, "/v1/speakers/anna/opt-out", "", nil, 204, nil)
	r, told := call("second")
	if r.Voice == nil || r.Voice.Decision != interaction.OptedOut || r.Voice.LLR != nil || told != 1 {
		t.Errorf("after the opt-out: %+v and %d events, want opted_out told once and nothing heard", r.Voice, told)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
}
