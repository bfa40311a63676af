package console_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// axe is the accessibility checker, which only tests load.
var axe = sync.OnceValue(func() string {
	f, err := os.ReadFile(filepath.Join("testdata", "axe-4.14.1.min.js.gz"))
	if err != nil {
		panic(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(f))
	if err != nil {
		panic(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return string(b)
})

// tabs is a real browser that looks at a world.
type tabs struct {
	tb    testing.TB
	ctx   context.Context
	world *world

	mu       sync.Mutex
	problems []string // what the browser complained of
}

// chromium starts Debian's browser with a profile of its own. A machine without it fails the test: scripts/setup test installs it.
func (w *world) chromium(tb testing.TB) *tabs {
	tb.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		tb.Fatalf("chromium: %v: scripts/setup test installs it", err)
	}
	profile, err := os.MkdirTemp("", "timbre-chromium-*")
	must(tb, err)
	alloc, stop := chromedp.NewExecAllocator(tb.Context(), chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.Headless, chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("mute-audio", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("lang", "en"),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewContext(alloc)
	ctx, timeout := context.WithTimeout(ctx, 4*time.Minute)
	t := &tabs{tb: tb, ctx: ctx, world: w}
	chromedp.ListenTarget(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			t.complain("exception: " + e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError {
				t.complain(e.Entry.Text + " " + e.Entry.URL)
			}
		}
	})
	tb.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // closes the browser and waits for it
		timeout()
		cancel()
		stop()
		_ = os.RemoveAll(profile) // a child of the browser may still write into it, which is no fault of the console's
	})
	must(tb, chromedp.Run(ctx)) // the browser belongs to the context that it was started with
	t.run(network.Enable(), log.Enable(), storage.ClearCookies(), emulation.SetTimezoneOverride("Europe/Warsaw"))
	return t
}

func (t *tabs) complain(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = append(t.problems, text)
}

func (t *tabs) run(actions ...chromedp.Action) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, 40*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.tb.Fatal(err)
	}
}

// quiet fails the test when the browser complained: of the content policy, a script, a file that is missing.
func (t *tabs) quiet() {
	t.tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.problems {
		t.tb.Errorf("the browser says: %s", p)
	}
	t.problems = nil
}

// forgive drops what the browser complained of so far.
func (t *tabs) forgive() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = nil
}

// as logs in.
func (t *tabs) as(login string) {
	t.tb.Helper()
	t.run(chromedp.Navigate(t.world.server.URL+"/login"), chromedp.SetValue(`input[name=login]`, login), chromedp.SetValue(`input[name=password]`, password),
		chromedp.Click(`.login button.primary`), chromedp.WaitVisible(`.rail`))
}

func (t *tabs) open(path string) {
	t.tb.Helper()
	t.run(chromedp.Navigate(t.world.server.URL+path), chromedp.WaitReady(`main h1`))
}

// text returns what an expression of JavaScript comes to.
func (t *tabs) eval(expression string) string {
	t.tb.Helper()
	var out any
	t.run(chromedp.Evaluate(expression, &out))
	return fmt.Sprint(out)
}

// until waits for an expression to be true, over pages that come and go.
func (t *tabs) until(expression string) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, 40*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var ok bool
		err := chromedp.Run(ctx, chromedp.Evaluate(expression, &ok))
		if err == nil && ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.quiet()
			t.tb.Fatalf("waiting for %s: %v", expression, err)
		}
	}
}

// shots is where pictures go for a person to look at; empty: none are taken.
var shots = os.Getenv("TIMBRE_SHOTS")

// look takes pictures of the page, wide and narrow, light and dark, and asks axe at both widths.
func (t *tabs) look(name string) {
	t.tb.Helper()
	if testing.Short() {
		return
	}
	t.quiet()
	defer t.forgive() // axe tries inline styles, which the policy refuses: these complaints are about axe
	for _, view := range []struct {
		name   string
		width  int64
		height int64
		dark   string
	}{{"wide-light", 1280, 900, "light"}, {"wide-dark", 1280, 900, "dark"}, {"narrow-light", 390, 844, "light"}} {
		t.run(emulation.SetDeviceMetricsOverride(view.width, view.height, 1, false),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: view.dark}}))
		if wide := t.eval(`document.documentElement.scrollWidth > document.documentElement.clientWidth`); wide == "true" {
			t.tb.Errorf("%s: the page is wider than its window of %d: %s", name, view.width, t.eval(`[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .table-scroll, .piles, nav")).slice(0, 4).map(e => e.outerHTML.slice(0, 120)).join(" | ")`))
		}
		t.accessible(name + " " + view.name)
		if shots != "" {
			var png []byte
			t.run(chromedp.FullScreenshot(&png, 100))
			must(t.tb, os.WriteFile(filepath.Join(shots, name+"-"+view.name+".png"), png, 0o644))
		}
	}
	t.run(emulation.SetDeviceMetricsOverride(1280, 900, 1, false))
}

// accessible fails the test on findings of axe that are serious or critical.
func (t *tabs) accessible(name string) {
	t.tb.Helper()
	var out string
	// The policy of the page forbids evaluation in the page itself; the debugger's own evaluation is not bound by it.
	t.run(chromedp.Evaluate(axe()+`; axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(v => ({id: v.id, nodes: v.nodes.slice(0, 4).map(n => n.html.slice(0, 160) + " :: " + n.failureSummary.slice(0, 220))}))))`,
		&out, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	var found []struct {
		ID    string
		Nodes []string
	}
	must(t.tb, json.Unmarshal([]byte(out), &found))
	for _, f := range found {
		t.tb.Errorf("%s: axe finds %s:\n  %s", name, f.ID, strings.Join(f.Nodes, "\n  "))
	}
}

func TestReviewerScoresACall(t *testing.T) {
	w := newWorld(t)
	w.save(t, richCall(t, "rich"))
	w.account(t, "root", "", "admin")
	w.account(t, "rita", "", "reviewer")
	b := w.chromium(t)
	b.as("rita")
	b.open("/calls")
	b.look("calls")
	b.run(chromedp.Click(`.c-call a`, chromedp.ByQuery), chromedp.WaitReady(`#timeline[data-ready=yes]`))
	b.until(`document.querySelectorAll(".stroke").length > 40 && document.querySelector(".lane-curve canvas") !== null`)
	b.look("call")
	if got := b.eval(`document.querySelector(".tile.lead .v").textContent`); got != "80 %" {
		t.Errorf("peak of anger %q, want 80 %%", got)
	}
	if said := b.eval(`document.querySelector(".findings").textContent`); !strings.Contains(said, "30.0 s of speech of this customer's earlier calls") {
		t.Errorf("the page does not say that earlier calls were used: %q", said)
	}
	if zone := b.eval(`document.querySelector(".meta time").textContent`); !strings.Contains(zone, "10:00") {
		t.Errorf("start of the call %q, want 10:00 of Warsaw", zone)
	}

	// By keyboard: the next alert, the longest silence, the peak.
	b.run(chromedp.Focus(`#axis`), chromedp.KeyEvent("n"))
	b.until(`document.getElementById("now").textContent === "0:49"`)
	b.run(chromedp.KeyEvent("n"))
	b.until(`document.getElementById("now").textContent === "1:06"`)
	b.run(chromedp.KeyEvent("s"))
	b.until(`document.getElementById("now").textContent === "0:39"`)
	b.run(chromedp.Click(`[data-jump=peak]`))
	at := b.eval(`document.getElementById("now").textContent`)
	if at == "0:39" {
		t.Error("the button did not jump to the peak")
	}

	// Playing moves the playhead, and the audit log says who listened.
	b.run(chromedp.Click(`#play`))
	b.until(`document.getElementById("play").classList.contains("playing") && document.getElementById("now").textContent !== "` + at + `"`)
	b.run(chromedp.Click(`#play`))
	b.until(`!document.getElementById("play").classList.contains("playing")`)

	// A wrong label is corrected.
	b.run(chromedp.Click(`.stroke.tone-angry`, chromedp.ByQuery), chromedp.WaitVisible(`#segment .bars`))
	b.run(chromedp.SetValue(`#segment select[name=to]`, "sad", chromedp.ByQuery), chromedp.Click(`#segment .corrections button`, chromedp.ByQuery), chromedp.WaitVisible(`#segment .plain-list`))

	// The scorecard: prefilled from metrics, an auto-fail that waits, a note at a time, submitted.
	if n := b.eval(`document.querySelectorAll("#card .choices input:checked").length`); n != "2" {
		t.Errorf("%s answers are filled in from metrics, want 2", n)
	}
	b.run(chromedp.Evaluate(`for (const [q, a] of [["greeting","yes"],["reason","yes"],["respect","4"],["solved","3"],["summary","yes"],["identity","no"],["privacy","yes"]]) {
		const i = document.querySelector('input[name="q.' + q + '"][value="' + a + '"]'); i.checked = true; i.dispatchEvent(new Event("change", {bubbles: true})); }`, nil))
	b.until(`document.querySelector("#card-total .fine") !== null`) // saved as a draft
	b.run(chromedp.WaitVisible(`.confirm`, chromedp.ByQuery))
	b.run(chromedp.Evaluate(`{ const i = document.querySelector('input[name="q.identity.confirmed"][value="no"]'); i.checked = true; i.dispatchEvent(new Event("change", {bubbles: true})); }`, nil))
	b.until(`document.querySelector("#card-total .score strong").textContent !== "–"`)
	b.run(chromedp.SetValue(`#note-form textarea`, "Speaks over the customer here."), chromedp.Click(`#note-form button`), chromedp.WaitVisible(`#notes li`))
	b.run(chromedp.Click(`.card-buttons .primary`), chromedp.WaitVisible(`#card .callout.good`))
	b.look("call-reviewed")
	b.quiet()

	got := w.get(t, "rich")
	if len(got.Evaluations) != 1 || got.Evaluations[0].State != "submitted" || got.Evaluations[0].Evaluator != "rita" || got.Evaluations[0].Score == nil {
		t.Fatalf("evaluations %+v, want one that rita submitted with a score", got.Evaluations)
	}
	corrected := 0
	for _, s := range got.Segments {
		for _, c := range s.Corrections {
			corrected++
			if c.Field != "emotion" || c.From != "angry" || c.To != "sad" || c.By != "rita" {
				t.Errorf("correction %+v", c)
			}
		}
	}
	if corrected != 1 {
		t.Errorf("%d corrections, want 1", corrected)
	}
	if !w.audited(t, "listen", "rita", "rich") || !w.audited(t, "review_submit", "rita", "rich") {
		t.Error("the audit log does not say that rita listened and submitted")
	}
}
