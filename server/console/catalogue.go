package console

import (
	"bufio"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// languages lists the catalogue's languages, the first the one for everybody else, with their names in themselves. Read only.
var languages = []struct{ Tag, Name string }{{"en", "English"}, {"pl", "Polski"}}

// catalogue holds every text that a person reads, by language and key.
type catalogue struct {
	texts map[string]map[string]string
}

// readCatalogue reads catalogue.tsv: on each line a key and the text in each language, in the order of languages. A line that begins
// with # is a heading.
func readCatalogue(f fs.FS) (*catalogue, error) {
	in, err := f.Open("catalogue.tsv")
	if err != nil {
		return nil, fmt.Errorf("console: catalogue: %w", err)
	}
	defer in.Close()
	c := &catalogue{texts: map[string]map[string]string{}}
	for _, l := range languages {
		c.texts[l.Tag] = map[string]string{}
	}
	s := bufio.NewScanner(in)
	for n := 1; s.Scan(); n++ {
		line := s.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 1+len(languages) {
			return nil, fmt.Errorf("console: catalogue: line %d: %d columns, want %d", n, len(fields), 1+len(languages))
		}
		for i, l := range languages {
			text := fields[i+1]
			switch {
			case text == "":
				return nil, fmt.Errorf("console: catalogue: line %d: key %s has no text in %s", n, fields[0], l.Tag)
			case c.texts[l.Tag][fields[0]] != "":
				return nil, fmt.Errorf("console: catalogue: line %d: key %s stands there twice", n, fields[0])
			case !slices.Equal(verbs(text), verbs(fields[1])):
				return nil, fmt.Errorf("console: catalogue: line %d: key %s takes %v in %s and %v in %s", n, fields[0], verbs(text), l.Tag, verbs(fields[1]), languages[0].Tag)
			}
			c.texts[l.Tag][fields[0]] = text
		}
	}
	return c, s.Err()
}

var verb = regexp.MustCompile(`%(\[\d+\])?[a-z.0-9]*[a-z]|%%`)

// verbs returns what a text wants to be given, sorted.
func verbs(text string) []string {
	found := verb.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// text returns the text of a key. Errors: no such key.
func (c *catalogue) text(lang, key string, args ...any) (string, error) {
	s, ok := c.texts[lang][key]
	if !ok {
		return "", fmt.Errorf("console: catalogue: no text %q", key)
	}
	if len(args) == 0 {
		return strings.ReplaceAll(s, "%%", "%"), nil
	}
	return fmt.Sprintf(s, args...), nil
}

// word returns the text of a key, or the last part of the key where there is none: for words that come from records and may be a
// site's own, such as the name of a rule.
func (c *catalogue) word(lang, group, word string) string {
	if s, ok := c.texts[lang][group+"."+word]; ok {
		return s
	}
	return strings.ReplaceAll(word, "_", " ")
}

// plural returns the text of a number of things: key.one, key.few or key.many by the language's rule (CLDR 46).
func (c *catalogue) plural(lang, key string, n int) (string, error) {
	form := "many"
	switch {
	case n == 1:
		form = "one"
	case lang == "pl" && n%10 >= 2 && n%10 <= 4 && (n%100 < 12 || n%100 > 14):
		form = "few"
	}
	return c.text(lang, key+"."+form, n)
}

// scripts returns the texts that the pages' scripts say, by key without "js.".
func (c *catalogue) scripts(lang string) map[string]string {
	out := map[string]string{}
	for k, v := range c.texts[lang] {
		if name, ok := strings.CutPrefix(k, "js."); ok {
			out[name] = v
		}
	}
	return out
}

const languageCookie = "timbre_language"

// language returns the language of a request: as chosen before, or else the first that the browser asks for and there is.
func language(r *http.Request) string {
	if k, err := r.Cookie(languageCookie); err == nil && isLanguage(k.Value) {
		return k.Value
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		if isLanguage(tag) {
			return tag
		}
	}
	return languages[0].Tag
}

func isLanguage(tag string) bool {
	for _, l := range languages {
		if l.Tag == tag {
			return true
		}
	}
	return false
}

// setLanguage keeps the language that somebody chose. It changes nothing else, so it asks for no login.
func (c *Console) setLanguage(w http.ResponseWriter, r *http.Request) {
	if l := r.PostFormValue("language"); isLanguage(l) {
		http.SetCookie(w, c.cookie(languageCookie, l, 365*24*time.Hour))
	}
	http.Redirect(w, r, localPath(r.PostFormValue("next")), http.StatusSeeOther)
}
