package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// assets serves the files that pages load. Their path holds a hash of them all, so that a browser may keep each for good.
type assets struct {
	hash  string
	files map[string][]byte // by path below static
}

func readAssets(f fs.FS) (*assets, error) {
	a := &assets{files: map[string][]byte{}}
	h := sha256.New()
	err := fs.WalkDir(f, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(f, name)
		if err != nil {
			return err
		}
		a.files[strings.TrimPrefix(name, "static/")] = b
		fmt.Fprintf(h, "%s %d\n", name, len(b))
		h.Write(b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("console: static files: %w", err)
	}
	a.hash = hex.EncodeToString(h.Sum(nil))[:12]
	return a, nil
}

func (a *assets) path(name string) (string, error) {
	if _, ok := a.files[name]; !ok {
		return "", fmt.Errorf("console: static files: no %s", name)
	}
	return "/static/" + a.hash + "/" + name, nil
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/static/"), "/")
	b, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(b))
}

// icons are drawn with lines in a square of 24. Read only.
var icons = map[string]string{
	"calls":     `<path d="M4 6h16M4 12h16M4 18h10"/>`,
	"live":      `<circle cx="12" cy="12" r="2.5"/><path d="M7.8 16.2a6 6 0 0 1 0-8.4M16.2 7.8a6 6 0 0 1 0 8.4M5 19a10 10 0 0 1 0-14M19 5a10 10 0 0 1 0 14"/>`,
	"quality":   `<path d="M9 12l2.2 2.2L15.5 10M12 3l7.5 3v6c0 4.5-3.2 7.7-7.5 9-4.3-1.300-7.500-4.500-7.500-9V6z"/>`,
	"mine":      `<circle cx="12" cy="8" r="4"/><path d="M4.500 20.500c1.200-4 4.100-6 7.500-6s6.300 2 7.500 6"/>`,
	"identity":  `<path d="M12 3a6 6 0 0 1 6 6v3a15 15 0 0 1-1.500 6.500M6 17a12 12 0 0 0 1-5V9a5 5 0 0 1 2-4M12 9v3a18 18 0 0 1-2 8.500M15 20.500c.4-1 .7-2 .9-3"/>`,
	"customers": `<path d="M3 17l5-6 4 3.500L21 6M15.500 6H21v5.500"/>`,
	"admin":     `<circle cx="12" cy="12" r="3"/><path d="M12 2.500v3M12 18.500v3M2.500 12h3M18.500 12h3M5.300 5.300l2.100 2.100M16.600 16.600l2.100 2.100M5.300 18.700l2.100-2.100M16.600 7.400l2.100-2.100"/>`,
	"play":      `<path class="solid" d="M7 4.500v15l12.500-7.500z"/>`,
	"pause":     `<path class="solid" d="M7 5h3.500v14H7zM13.500 5H17v14h-3.500z"/>`,
	"next":      `<path d="M5 12h13M12.500 6.500L18 12l-5.500 5.500"/>`,
	"prev":      `<path d="M19 12H6M11.500 6.500L6 12l5.500 5.500"/>`,
	"loop":      `<path d="M17 3l3.500 3.500L17 10M3.500 12V9.500a3 3 0 0 1 3-3h14M7 21l-3.500-3.500L7 14M20.500 12v2.500a3 3 0 0 1-3 3h-14"/>`,
	"alert":     `<path d="M12 3.500L2.500 20h19zM12 10v4.500M12 17.300v.2"/>`,
	"silence":   `<path d="M3 12h3M9 12h.5M13 12h.5M17 12h4"/>`,
	"peak":      `<path d="M3 19l6-14 4 9 3-4 5 9"/>`,
	"search":    `<circle cx="11" cy="11" r="6.500"/><path d="M16 16l5 5"/>`,
	"check":     `<path d="M4.500 12.500l5 5L20 7"/>`,
	"clock":     `<circle cx="12" cy="12" r="8.500"/><path d="M12 7v5.300l3.500 2"/>`,
	"keys":      `<rect x="2.500" y="6" width="19" height="12" rx="2"/><path d="M6 10h.2M10 10h.2M14 10h.2M18 10h.2M8 14.300h8"/>`,
	"out":       `<path d="M14 4.500H6.500a1.500 1.500 0 0 0-1.500 1.500v12a1.500 1.500 0 0 0 1.500 1.500H14M10.500 12H21M17 8l4 4-4 4"/>`,
	"zoom":      `<circle cx="11" cy="11" r="6.500"/><path d="M16 16l5 5M11 8.300v5.400M8.300 11h5.400"/>`,
	"note":      `<path d="M5 4.500h14v10l-5 5H5zM14 19.500v-5h5M8.500 9h7M8.500 12.500h4"/>`,
	"export":    `<path d="M12 4v11M7.500 11L12 15.500 16.500 11M4.500 19.500h15"/>`,
}

// icon returns a drawing that screen readers pass over: the text beside it says the same.
func icon(name string) (template.HTML, error) {
	d, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("console: no icon %s", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + d + `</svg>`), nil
}
