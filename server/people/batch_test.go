package people

import (
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestReadBatch(t *testing.T) {
	got, err := ReadBatch(strings.NewReader("\ufeffspeaker,path,consent,consent_text,consent_channel,jurisdiction,channel,name,more\n"+
		"anna,a.wav,c-1,3,web,US-IL,1,Anna,x\nbert,b.wav,,,,,,,\nanna,c.wav,,,,,0,,\n"),
		BatchDefaults{Consent: "campaign", ConsentText: "2", ConsentChannel: "call", Jurisdiction: "DE", Channel: -1})
	if err != nil {
		t.Fatal(err)
	}
	want := []BatchRow{
		{Speaker: "anna", Name: "Anna", Consent: "c-1", ConsentText: "3", ConsentChannel: "web", Jurisdiction: "US-IL", Files: []BatchFile{{"a.wav", 1}, {"c.wav", 0}}},
		{Speaker: "bert", Consent: "campaign", ConsentText: "2", ConsentChannel: "call", Jurisdiction: "DE", Files: []BatchFile{{"b.wav", -1}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestReadBatchRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"empty":                   {"", "header: EOF, want columns speaker and path"},
		"other_columns":           {"id,file\n1,2\n", "want columns speaker and path"},
		"no_rows":                 {"speaker,path\n", "no rows, want at least one"},
		"no_speaker":              {"speaker,path\n,a.wav\n", `line 2: speaker "", path "a.wav", want both`},
		"bad_channel":             {"speaker,path,channel\na,a.wav,left\n", `line 2: channel "left", want 0 or more`},
		"negative_channel":        {"speaker,path,channel\na,a.wav,-1\n", `channel "-1"`},
		"two_consents":            {"speaker,path,consent\na,a.wav,c1\na,b.wav,c2\n", `line 3: consent "c2" of speaker "a", was "c1" before`},
		"two_channels_of_consent": {"speaker,path,consent_channel\na,a.wav,web\na,b.wav,call\n", `consent_channel "call" of speaker "a", was "web" before`},
		"ragged":                  {"speaker,path\na\n", "wrong number of fields"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadBatch(strings.NewReader(c.text), BatchDefaults{Channel: -1}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

func FuzzReadBatch(f *testing.F) {
	f.Add("speaker,path,consent,channel,name\na,a.wav,c,0,Anna\na,b.wav,,1,\n")
	f.Add("\ufeffpath,speaker\n\"x\ny\",b\n")
	f.Add("speaker,path\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		jobs, err := ReadBatch(io.LimitReader(strings.NewReader(text), 1<<16), BatchDefaults{Channel: -1})
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, j := range jobs {
			if j.Speaker == "" || seen[j.Speaker] || len(j.Files) == 0 {
				t.Errorf("job %+v: want every speaker once, with files", j)
			}
			seen[j.Speaker] = true
			for _, file := range j.Files {
				if file.Path == "" || file.Channel < -1 {
					t.Errorf("file %+v", file)
				}
			}
		}
	})
}
