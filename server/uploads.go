package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/live"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
)

// uploads takes recordings and analyses them in the background. The recording waits in the NATS object store, where every node
// reaches it, and the job in the store; a task of the queue wakes a worker, and a worker that finds no task looks at the store once a
// minute, so that a crash between the two costs a minute and no job.
type uploads struct {
	store   *store.Store
	files   *events.Files
	queue   events.Queue
	engine  *analysis.Engine
	policy  policy.Config
	voices  live.Voices
	records *records
	yield   func(context.Context) error // returns when calls leave room for what can wait
	dir     string                      // for the copy of a recording that is being read
	audio   *recordings
	now     func() time.Time
	log     *slog.Logger
}

var _ api.Uploads = (*uploads)(nil)

const (
	uploadLease = time.Minute     // a worker without a sign of life for so long is taken for dead
	uploadPoll  = time.Minute     // between two looks at the store
	uploadSign  = 2 * time.Second // between two signs of life
	uploadTries = 3               // of a recording whose analysis ended with its worker
)

// The keys of a job's binding beside those of interaction.Binding.
const (
	bindAgentChannel    = "agent_channel"
	bindCustomerChannel = "customer_channel"
	bindStartedAt       = "started_at"
	bindDetails         = "binding"
)

func (u *uploads) Add(ctx context.Context, tenant string, up api.Upload, recording io.Reader) (api.Job, error) {
	if err := u.store.EnsureTenant(ctx, tenant, tenant); err != nil {
		return api.Job{}, fault(err)
	}
	id := store.NewID(u.now())
	n, err := u.files.Put(ctx, id, recording)
	if err != nil {
		return api.Job{}, err
	}
	bound, err := json.Marshal(up.Binding)
	if err != nil {
		return api.Job{}, fmt.Errorf("server: upload: %w", err)
	}
	binding := map[string]string{bindDetails: string(bound), bindAgentChannel: strconv.Itoa(up.AgentChannel), bindCustomerChannel: strconv.Itoa(up.CustomerChannel)}
	if up.StartedAt != nil {
		binding[bindStartedAt] = up.StartedAt.UTC().Format(time.RFC3339Nano)
	}
	v, err := u.store.Tenant(tenant).AddUpload(ctx, store.Upload{ID: id, File: up.Name, Audio: id, Bytes: n, Binding: binding})
	if err != nil {
		return api.Job{}, errors.Join(fault(err), u.files.Delete(context.WithoutCancel(ctx), id))
	}
	if err := u.queue.Put(ctx, id, nil); err != nil {
		u.log.Warn("server: upload: no worker woken, one will look by itself", "job", id, "err", err)
	}
	return job(&v), nil
}

func job(v *store.Upload) api.Job {
	return api.Job{ID: v.ID, State: v.State, Progress: v.Progress, Name: v.File, Bytes: v.Bytes, InteractionID: v.InteractionID, Error: v.Error, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt}
}

func (u *uploads) Job(ctx context.Context, tenant, id string) (api.Job, error) {
	v, err := u.store.Tenant(tenant).Upload(ctx, id)
	return job(&v), fault(err)
}

func (u *uploads) Jobs(ctx context.Context, tenant string, p api.Page) (api.List[api.Job], error) {
	l, err := u.store.Tenant(tenant).Uploads(ctx, pageOf(p))
	return listOf(l, err, job)
}

// run works on jobs until ctx ends, parallel at a time.
func (u *uploads) run(ctx context.Context, parallel int) error {
	return u.queue.Work(ctx, parallel, func(ctx context.Context, _ events.Task) error { return u.next(ctx) })
}

// sweep looks for jobs that no task tells of, until ctx ends.
func (u *uploads) sweep(ctx context.Context) {
	tick := time.NewTicker(uploadPoll)
	defer tick.Stop()
	for {
		if err := u.next(ctx); err != nil && ctx.Err() == nil {
			u.log.Warn("server: upload", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// next does one job, if one waits and calls leave room for it.
func (u *uploads) next(ctx context.Context) error {
	if err := u.yield(ctx); err != nil {
		return err
	}
	tenant, v, err := u.store.ClaimUpload(ctx, uploadLease)
	if store.Code(err) == "not_found" {
		return nil
	}
	if err != nil {
		return err
	}
	t := u.store.Tenant(tenant)
	log := u.log.With("job", v.ID, "tenant", tenant)
	if v.Attempts > uploadTries {
		log.Error("server: upload given up", "attempts", v.Attempts-1)
		return u.finish(t, &v, "", "internal: no attempt came to an end")
	}
	id, err := u.analyse(ctx, t, &v)
	if ctx.Err() != nil {
		return ctx.Err() // the lease runs out and another worker takes it up
	}
	if err == nil {
		return u.finish(t, &v, id, "")
	}
	log.Warn("server: upload failed", "err", err)
	return u.finish(t, &v, "", reasonOf(err))
}

// reasonOf is what a client may know of a failure: what is wrong with its recording, and nothing of this machine.
func reasonOf(err error) string {
	var bad *recordingError
	if errors.As(err, &bad) {
		return bad.err.Error()
	}
	return "internal: the log has the reason"
}

// recordingError says what is wrong with a recording.
type recordingError struct{ err error }

func (e *recordingError) Error() string { return e.err.Error() }
func (e *recordingError) Unwrap() error { return e.err }

// finish ends a job and removes the recording that waited for it.
func (u *uploads) finish(t *store.Tenant, v *store.Upload, interactionID, failure string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(t.FinishUpload(ctx, v.ID, interactionID, failure), u.files.Delete(ctx, v.Audio))
}

// analyse makes and saves the record of a job's recording and returns its id.
func (u *uploads) analyse(ctx context.Context, t *store.Tenant, v *store.Upload) (string, error) {
	path, err := u.fetch(ctx, v.Audio)
	if err != nil {
		return "", err
	}
	defer os.Remove(path)
	var b interaction.Binding
	if err := json.Unmarshal([]byte(v.Binding[bindDetails]), &b); err != nil {
		return "", fmt.Errorf("server: upload: binding: %w", err)
	}
	roles := analysis.RolesUntold()
	for key, to := range map[string]*int{bindAgentChannel: &roles.Agent, bindCustomerChannel: &roles.Customer} {
		if *to, err = strconv.Atoi(v.Binding[key]); err != nil {
			return "", fmt.Errorf("server: upload: %s: %w", key, err)
		}
	}
	made, err := u.policy.Resolve(policy.Call{Tenant: t.ID(), Jurisdiction: b.Attributes[jurisdictionAttribute], Queue: b.Queue})
	if err != nil {
		return "", &recordingError{err}
	}
	voice, err := u.voices.Voice(ctx, ingest.Start{Tenant: t.ID()}, made.Permit)
	if err != nil {
		return "", err
	}
	earlier, err := u.voices.Normals(ctx, ingest.Start{Tenant: t.ID()}, made.Permit)
	if err != nil {
		return "", err
	}
	var told time.Time
	sign := func(done, total int64) {
		if now := u.now(); total > 0 && now.Sub(told) >= uploadSign {
			told = now
			if err := t.ProgressUpload(ctx, v.ID, min(float64(done)/float64(total), 1), uploadLease); err != nil && ctx.Err() == nil {
				u.log.Warn("server: upload: progress", "job", v.ID, "err", err)
			}
		}
	}
	r, err := analysis.AnalyzeFile(ctx, path, analysis.FileOptions{
		Channels: roles, Agent: b.AgentID, Customer: b.CustomerID, Language: b.Language, Permit: made.Permit, Engine: u.engine, Voice: voice, Normals: earlier, Claim: b.ClaimedIdentity,
		Progress: func(done, total int64) {
			sign(done, total)
			for ctx.Err() == nil { // calls first; a sign of life now and then
				wait, cancel := context.WithTimeout(ctx, uploadSign)
				err := u.yield(wait)
				cancel()
				if err == nil {
					return
				}
				sign(done, total)
			}
		},
	})
	if err != nil {
		var bad *os.PathError
		if ctx.Err() != nil || errors.As(err, &bad) {
			return "", err
		}
		return "", &recordingError{fmt.Errorf("recording: %w", withoutPath(err))}
	}
	tell(r, b, v)
	if made.Permit.KeepAudio {
		if err := u.audio.keep(t.ID(), path, v.File, r); err != nil {
			return "", err
		}
	}
	if err := u.records.Save(ctx, r); err != nil {
		return "", err
	}
	return r.Contact.ID, nil
}

// withoutPath drops the name of our copy from an error that begins with it.
func withoutPath(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// tell writes what the client told into the record of a recording.
func tell(r *interaction.Interaction, b interaction.Binding, v *store.Upload) {
	c := &r.Contact
	c.ContactID, c.RelatedContactID, c.Direction, c.Queue = b.ContactID, b.RelatedContactID, b.Direction, b.Queue
	c.Source.URI = v.File
	for k, x := range b.Attributes {
		if c.Attributes == nil {
			c.Attributes = map[string]string{}
		}
		c.Attributes[k] = x
	}
	if b.ConsentRef != "" {
		r.Governance.ConsentRefs = append(r.Governance.ConsentRefs, b.ConsentRef)
	}
	if at, err := time.Parse(time.RFC3339Nano, v.Binding[bindStartedAt]); err == nil {
		end := at.Add(time.Duration(c.DurationMs) * time.Millisecond)
		c.StartedAt, c.EndedAt = &at, &end
	}
}

// fetch copies a recording into a file of its own.
func (u *uploads) fetch(ctx context.Context, name string) (path string, err error) {
	f, err := os.CreateTemp(u.dir, "upload-*")
	if err != nil {
		return "", fmt.Errorf("server: upload: %w", err)
	}
	err = u.files.Get(ctx, name, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}
