# make demo and make test need nothing but Go and this file: each sets up what it uses.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export CGO_ENABLED ?= 0

BENCH ?= .
BENCHTIME ?= 1s
FUZZTIME ?= 60s
ROUNDS ?= 5
DATA ?= ../shared/data
DURATION ?= 10m
SERVER_CORE ?= 0
LOAD_CORE ?= 1
LOAD ?=

.PHONY: help build demo console test race twins lint bench eval-verification eval-groups bench-peers bench-server bench-faults golden generate fuzz eval-emotion eval-emotion-folds
help: ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

build: ## bin/timbre, one static binary
	@scripts/setup
	go build -trimpath -o bin/timbre ./cmd/timbre

demo: build ## stream the sample call to a server, show the events and the stored record; then the report of the recording
	go run ./internal/demo -timbre bin/timbre -o out/demo testdata/calls/sample-call.wav
	@echo
	bin/timbre analyze -o out/demo testdata/calls/sample-call.wav
	@echo; echo "The record (JSON) and the timeline (SVG) are in out/demo."

console: build ## the server with the sample call in it, its audio kept; prints where the console is
	@scripts/console

test: ## everything but the race detector
	@scripts/setup test
	go vet ./...
	go test -timeout 20m ./...

race: ## the same tests under the race detector, but for those of a server in a process of its own, which it does not see
	@scripts/setup test
	CGO_ENABLED=1 go test -race -timeout 30m $$(go list ./... | grep -v /internal/faults$$)

twins: ## what runs networks, again with the AVX2 kernels and with plain Go: the records must be those expected of each
	@scripts/setup
	GODEBUG=cpu.avx512f=off go test -count=1 ./engine/nn ./engine/vad ./voiceprint ./interaction/analysis
	GODEBUG=cpu.avx512f=off,cpu.avx2=off go test -count=1 ./engine/nn ./engine/vad ./voiceprint ./interaction/analysis

lint: ## gofmt and staticcheck
	@scripts/setup lint
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	.tools/bin/staticcheck ./...

bench: ## every stage and the whole session: time, allocations, x_realtime
	@scripts/setup test
	go test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) ./...

bench-server: build ## how many live calls one core carries, then that many for DURATION; LOAD="-first 100 -step 50" for other flags
	go build -trimpath -o bin/load ./internal/load
	taskset -c $(LOAD_CORE) bin/load -timbre bin/timbre -core $(SERVER_CORE) -duration $(DURATION) $(LOAD) testdata/calls/sample-call.wav

eval-verification: build ## the dev table of the speaker model: make eval-verification DATA=FOLDER
	python3 testdata/bench/verification.py --data "$(DATA)"

eval-groups: build ## error rates of the speaker model by sex, emotion and language: make eval-groups DATA=FOLDER
	python3 testdata/bench/groups.py --data "$(DATA)"

bench-peers: build ## our features and speaker model, and the outside tools', on the same audio in the same run
	@scripts/setup golden
	.venv/bin/python testdata/bench/peers_feats.py --rounds $(ROUNDS)
	@scripts/setup peers
	.venv-peers/bin/python testdata/bench/peers_speaker.py --data "$(DATA)" --rounds $(ROUNDS)

golden: ## re-make the golden values with the outside tools; fails where one differs from what is committed
	@scripts/setup golden
	for f in $$(ls testdata/golden/gen/*.py | grep -v _common); do .venv/bin/python $$f; done
	git diff --exit-code --stat -- testdata/golden

generate: ## re-make what is generated: the assembly kernels and the record's JSON Schema
	@scripts/setup
	go generate ./engine/nn ./interaction

fuzz: ## every fuzz target for FUZZTIME
	@scripts/setup
	@for p in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$p/*_test.go | cut -c6-); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$p; done; done

eval-emotion: build ## the shipped emotion model, or MODEL=name, on what its training did not see; DATA=folder with emotion.csv
	models/train/emotion/eval.sh $(or $(DATA),$(error DATA is not set, want the folder with emotion.csv)) $(MODEL)

eval-emotion-folds: ## train and judge the emotion model anew for every fold; DATA=folder with emotion.csv
	@scripts/setup train
	models/train/emotion/run.sh $(or $(DATA),$(error DATA is not set, want the folder with emotion.csv)) folds

bench-faults: ## kill -9, a full disk, lost database and broker, hostile clients, other tenants' keys on the real server: a table
	@scripts/setup
	@mkdir -p out
	go test -c -o bin/faults.test ./internal/faults
	cd internal/faults && FAULTS_TABLE=$(CURDIR)/out/faults.md taskset -c $(LOAD_CORE) $(CURDIR)/bin/faults.test -test.v -test.timeout 60m -full -core $(SERVER_CORE) $(FAULTS) | grep -v '^=== '
	@[ ! -e out/faults.md ] || cat out/faults.md
