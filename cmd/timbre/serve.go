package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/server"
)

// environmentPrefix begins the variables that stand for flags: TIMBRE_NATS_URL for --nats-url.
const environmentPrefix = "TIMBRE_"

// maxConfigFile bounds what is read as a configuration.
const maxConfigFile = 1 << 20

// serveFlags are the flags of timbre serve. What is not given, by flag or environment, leaves the configuration as it is.
type serveFlags struct {
	config, addr, audioSocket, db, dataDir, natsURL, logLevel, tlsCert, tlsKey, emotionModel string
	acceptLicense                                                                            bool
}

func (f *serveFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.config, "config", "", "read the configuration from `FILE` (YAML; --print-config shows every key)")
	flags.StringVar(&f.db, "db", "", "store: the `path` of a SQLite file, or postgres://...")
	flags.StringVar(&f.dataDir, "data-dir", "", "`folder` for what is not in the store")
}

// load returns the configuration: the default, under the file, under the environment, under the flags.
func (f *serveFlags) load(cmd *cobra.Command) (server.Config, error) {
	if err := fromEnvironment(cmd); err != nil {
		return server.Config{}, err
	}
	var text []byte
	if f.config != "" {
		var err error
		if text, err = readConfig(f.config); err != nil {
			return server.Config{}, err
		}
	}
	c, err := server.ParseConfig(text, os.LookupEnv)
	if err != nil {
		return server.Config{}, err
	}
	for _, s := range []struct {
		flag string
		to   *string
	}{
		{"addr", &c.Addr}, {"audiosocket-addr", &c.AudioSocketAddr}, {"db", &c.DB}, {"data-dir", &c.DataDir}, {"nats-url", &c.NATS.URL}, {"log-level", &c.Log.Level},
		{"tls-cert-file", &c.TLS.CertFile}, {"tls-key-file", &c.TLS.KeyFile}, {"emotion-model", &c.EmotionModel},
	} {
		if flag := cmd.Flags().Lookup(s.flag); flag != nil && flag.Changed {
			*s.to = flag.Value.String()
		}
	}
	c.AcceptModelLicense = c.AcceptModelLicense || f.acceptLicense
	return c, c.Validate()
}

// fromEnvironment sets the flags that were not given from the variables that stand for them.
func fromEnvironment(cmd *cobra.Command) error {
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := environmentPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := os.LookupEnv(name); ok && !f.Changed && f.Name != "help" && f.Name != "verbose" {
			if err := cmd.Flags().Set(f.Name, value); err != nil {
				errs = append(errs, usagef(cmd, "%s: %s: %w", cmd.Name(), name, err))
			}
		}
	})
	return errors.Join(errs...)
}

func readConfig(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	if info.Size() > maxConfigFile || info.IsDir() {
		return nil, fmt.Errorf("%s: %d bytes, want a file of at most %d", path, info.Size(), maxConfigFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	return text, nil
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	var show bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server: live calls in, events and records out",
		Long: `Run the server. Call platforms stream to /v1/ingest/{dialect}, programs to /v1/stream; events leave at /v1/events, records at
/v1/interactions; /openapi.json describes the rest.

On loopback it needs no API key. Beyond loopback it starts once a key was made ('timbre serve keys add').

Every flag can be given in the environment: TIMBRE_ADDR stands for --addr, and so on. Flags win over the environment, which
wins over the configuration file.

SIGTERM and interrupt drain it: it takes no more calls, ends the streams so that every call is flushed into its record, and
closes. A second one ends it at once.`,
		Example: `  timbre serve
  timbre serve --addr 127.0.0.1:9000 --db calls.db
  timbre serve --print-config > timbre.yaml
  timbre serve --config timbre.yaml --db postgres://timbre@db/timbre --nats-url nats://nats:4222`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if show {
				_, err := cmd.OutOrStdout().Write(server.ExampleConfig())
				return err
			}
			return a.serve(cmd, &f)
		},
	}
	cmd.SuggestionsMinimumDistance = 2
	flags := cmd.Flags()
	f.register(flags)
	flags.StringVar(&f.addr, "addr", "", "listen at `host:port`")
	flags.StringVar(&f.audioSocket, "audiosocket-addr", "", "take Asterisk's AudioSocket at `host:port`")
	flags.StringVar(&f.natsURL, "nats-url", "", "use the NATS server at `URL` instead of an embedded one")
	flags.StringVar(&f.logLevel, "log-level", "", "log from `level` on: debug, info, warn, error")
	flags.StringVar(&f.tlsCert, "tls-cert-file", "", "serve TLS with the certificate in `FILE`, PEM; with --tls-key-file")
	flags.StringVar(&f.tlsKey, "tls-key-file", "", "the certificate's key in `FILE`, PEM")
	flags.StringVar(&f.emotionModel, "emotion-model", "", "read emotion by the shipped model of this `NAME`, or the one in a folder")
	flags.BoolVar(&f.acceptLicense, "accept-model-license", false, "beyond loopback, use models whose licence forbids commercial use")
	flags.BoolVar(&show, "print-config", false, "print a configuration file with every key at its default, and stop")
	cmd.AddCommand(a.serveKeysCommand())
	return cmd
}

func (a *app) serve(cmd *cobra.Command, f *serveFlags) error {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	log := c.Logger(a.con.errWriter())
	emotion, err := loadArtefact(cmp.Or(c.EmotionModel, analysis.DefaultEmotionModel))
	if err != nil {
		return fmt.Errorf("serve: emotion_model: %w", err)
	}
	held, err := modelsInUse(emotion)
	if err != nil {
		return err
	}
	if err := licences(&c, held, log); err != nil {
		return err
	}
	engine, err := analysis.NewEngine(emotion)
	if err != nil {
		return err
	}
	voice, err := a.serveVoice()
	if err != nil {
		return err
	}
	node, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("serve: host name: %w", err)
	}
	s, err := server.New(cmd.Context(), c, server.Deps{Engine: engine, Voice: voice, Node: node, Version: newBuildVersion().Version, Models: toldModels(held), Log: log})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.con.errWriter(), "Timbre listens at %s\n", s.URL())
	return s.Run(cmd.Context())
}

// serveVoice loads the speaker model, where this binary holds one.
func (a *app) serveVoice() (server.Voice, error) {
	v, err := loadVoices(voiceFlags{model: speakerModel})
	if errors.Is(err, models.ErrNotFound) {
		a.log.Warn("no speaker model in this binary: voices are not compared", "model", speakerModel)
		return server.Voice{}, nil
	}
	if err != nil {
		return server.Voice{}, err
	}
	return server.Voice{Model: v.model, LicenceClass: v.manifest.LicenceClass, Speech: v.detector}, nil
}

// licences says which models in use may not be used commercially, and refuses them beyond loopback unless told otherwise.
func licences(c *server.Config, held []*models.Artefact, log *slog.Logger) error {
	var names []string
	for _, a := range held {
		if a.Manifest.LicenceClass == models.NonCommercial {
			names = append(names, a.Manifest.Name)
		}
	}
	switch {
	case len(names) == 0:
		return nil
	case !c.Loopback() && !c.AcceptModelLicense:
		return fmt.Errorf("serve: models %s: their licence forbids commercial use, want --emotion-model %s, --accept-model-license or an address on loopback",
			strings.Join(names, ", "), freeEmotionModel)
	}
	log.Warn("the licence of these models forbids commercial use", "models", names)
	return nil
}
