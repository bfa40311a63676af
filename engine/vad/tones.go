package vad

// tones finds signalling tones by rule, beside the statistical scores: their frequencies, levels and cadences are standards, so
// nothing needs to be learnt. DTMF follows ITU-T Q.23 and Q.24, call progress ITU-T E.180, fax ITU-T T.30.
type tones struct {
	dtmf     dtmf
	progress *progress
}

func newTones() (*tones, error) {
	p, err := newProgress()
	if err != nil {
		return nil, err
	}
	t := &tones{progress: p}
	t.dtmf.init()
	return t, nil
}

func (t *tones) write(x []float32, emit func(Event)) {
	t.dtmf.write(x, emit)
	t.progress.write(x, emit)
}

func (t *tones) flush(emit func(Event)) {
	t.dtmf.flush(emit)
	t.progress.flush(emit)
}
