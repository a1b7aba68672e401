package notify

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"unicode"
	"unicode/utf8"

	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

//go:embed languages/*.yaml
var shipped embed.FS

// A Text is a description of an event. Body may be empty.
type Text struct {
	Title string
	Body  string
}

// Line returns the title and the body on one line.
func (t Text) Line() string {
	if t.Body == "" {
		return t.Title
	}
	return t.Title + " (" + t.Body + ")"
}

const (
	maxTitle = 200  // runes
	maxBody  = 1000 // runes
)

// shippedTexts returns the shipped texts of all languages.
var shippedTexts = sync.OnceValue(func() texts {
	t, err := loadTexts("", false)
	if err != nil {
		panic(err) // a shipped file is invalid
	}
	return t
})

// Line returns an English description of an event on one line.
func Line(e event.Event) string { return shippedTexts().render(e, false, "en").Line() }

var languageCode = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// texts maps a language code, like en, to a language.
type texts map[string]*language

// A language holds the texts of one file, like en.yaml. If it lacks a text, the English text is
// used. docs/notify.md lists the fields that templates can use.
type language struct {
	// Titles are templates by key. A key is KIND, SPORT.KIND, KIND.DETAIL or KIND.POINTS,
	// optionally with _corrected or _retracted. The other keys are corrected, retracted and other.
	Titles map[string]text `yaml:"titles"`
	Body   text            `yaml:"body"` // a template

	Kinds    names `yaml:"kinds"` // a name for KIND.DETAIL or KIND.POINTS replaces the name of the kind
	Details  names `yaml:"details"`
	Statuses names `yaml:"statuses"`
	Periods  names `yaml:"periods"`
	Members  names `yaml:"members"` // of an event's data that a correction can change

	file      *language                     // only the texts of the custom file; empty if there is no such file
	templates map[string]*template.Template // parsed titles by their key, and the parsed Body by "body"
}

// has reports whether there are texts in a language.
func (t texts) has(code string) bool { return t[code] != nil }

// languages returns the sorted language codes.
func (t texts) languages() []string { return slices.Sorted(maps.Keys(t)) }

// loadTexts loads the shipped languages, then those in folder unless folder is "". If optional is
// true, folder may be missing.
func loadTexts(folder string, optional bool) (texts, error) {
	all := texts{}
	base, err := fs.Sub(shipped, "languages")
	if err != nil {
		return nil, err
	}
	if err := all.add(base, ""); err != nil {
		return nil, err
	}
	if folder == "" {
		return all, nil
	}
	if _, err := os.Stat(folder); err != nil {
		if optional {
			return all, nil
		}
		return nil, err
	}
	return all, all.add(os.DirFS(folder), folder)
}

// add adds the language files in a file system. folder is its path, or "" for the shipped files, which
// add does not check.
func (t texts) add(in fs.FS, folder string) error {
	files, err := fs.Glob(in, "*.yaml")
	if err != nil {
		return err
	}
	if others, _ := fs.Glob(in, "*.yml"); len(others) > 0 {
		return fmt.Errorf("%s: want a file name that ends in .yaml", filepath.Join(folder, others[0]))
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: there are no language files, like en.yaml", folder)
	}
	for _, name := range files {
		data, err := fs.ReadFile(in, name)
		if err != nil {
			return err
		}
		file, code := filepath.Join(folder, name), strings.TrimSuffix(name, ".yaml")
		if !languageCode.MatchString(code) {
			return fmt.Errorf("%s: want the code of a language before .yaml, like en", file)
		}
		var l language
		if err := strictyaml.Decode(file, data, &l); err != nil {
			return err
		}
		if err := l.parse(); err != nil {
			return strictyaml.InFile(file, err)
		}
		own := language{}
		if folder != "" {
			own = l
		}
		t[code] = l.over(t[code])
		t[code].file = &own
		if folder == "" { // a test checks the shipped files
			continue
		}
		if err := t.check(code); err != nil {
			return strictyaml.InFile(file, err)
		}
	}
	return nil
}

// over returns l, completed with the texts of base. base may be nil.
func (l language) over(base *language) *language {
	if base == nil {
		base = &language{}
	}
	merged := func(a, b names) names {
		all := maps.Clone(a)
		if all == nil {
			all = names{}
		}
		maps.Copy(all, b)
		return all
	}
	templates := maps.Clone(base.templates)
	if templates == nil {
		templates = map[string]*template.Template{}
	}
	maps.Copy(templates, l.templates)
	l.templates = templates
	l.Kinds, l.Details = merged(base.Kinds, l.Kinds), merged(base.Details, l.Details)
	l.Statuses = merged(base.Statuses, l.Statuses)
	l.Periods, l.Members = merged(base.Periods, l.Periods), merged(base.Members, l.Members)
	return &l
}

// parse parses the titles and the body.
func (l *language) parse() error {
	l.templates = map[string]*template.Template{}
	for _, name := range slices.Sorted(maps.Keys(l.Titles)) {
		if !knownTitle(name) {
			return l.Titles[name].Pos.Errorf("unknown title: want KIND, SPORT.KIND, KIND.DETAIL or KIND.POINTS, " +
				"optionally with _corrected or _retracted; or corrected, retracted or other")
		}
		if err := l.parseTemplate(name, l.Titles[name]); err != nil {
			return err
		}
	}
	if l.Body.Value == "" {
		return nil
	}
	return l.parseTemplate("body", l.Body)
}

// knownTitle reports whether a title can have the key.
func knownTitle(name string) bool {
	if slices.Contains([]string{"corrected", "retracted", "other", string(kickoffSoon)}, name) {
		return true
	}
	kind := string(event.BaseKind(name))
	first, rest, dotted := strings.Cut(kind, ".")
	switch {
	case !dotted:
		return event.CheckKind("", event.Kind(kind)) == nil
	case slices.Contains(event.Sports(), event.Sport(first)):
		return event.CheckKind(event.Sport(first), event.Kind(rest)) == nil
	}
	return event.CheckKind("", event.Kind(first)) == nil && rest != "" && rest == event.Slug(rest)
}

// parseTemplate parses a template and stores it in l.templates.
func (l *language) parseTemplate(name string, t text) error {
	parsed, err := template.New(name).Funcs(template.FuncMap{"capital": capital, "lower": lower}).Parse(t.Value)
	if err != nil {
		return t.Pos.Errorf("%s: %w", shortened(t.Value), plain(err))
	}
	l.templates[name] = parsed
	return nil
}

var (
	// templatePlace matches the beginning of a template error: the template's name, line and column.
	templatePlace = regexp.MustCompile(`^template: [^:]*:(\d+):(?:\d+:)? (?:executing "[^"]*" )?`)
	// goType matches the end of an error about a field that does not exist.
	goType = regexp.MustCompile(` in type \S+$`)
)

// plain returns a template error without the name of the template or Go types. It keeps the number
// of the line, unless the line is the first.
func plain(err error) error {
	text := goType.ReplaceAllString(err.Error(), "")
	m := templatePlace.FindStringSubmatch(text)
	switch {
	case m == nil:
		return errors.New(strings.TrimPrefix(text, "template: "))
	case m[1] == "1":
		return errors.New(text[len(m[0]):])
	}
	return errors.New("line " + m[1] + ": " + text[len(m[0]):])
}

// shortened quotes the beginning of a template, for an error.
func shortened(s string) string { return fmt.Sprintf("template %q", send.Cut(s, 80)) }

// check executes every template of a language with [samples], so that an invalid template is found at
// startup.
func (t texts) check(code string) error {
	l := t[code]
	for _, e := range samples() {
		v := t.view(e, false, code)
		for name, tmpl := range l.templates {
			if err := tmpl.Execute(io.Discard, v); err != nil {
				at := l.Body
				if name != "body" {
					at = l.Titles[name]
				}
				return at.Pos.Errorf("%s: %w", shortened(at.Value), plain(err))
			}
		}
	}
	return nil
}

// render returns the description of an event in a language. If asNews is true, a correction is
// described as a new event. [send.Clean] removes control characters, which pages and templates can
// contain.
func (t texts) render(e event.Event, asNews bool, code string) Text {
	v := t.view(e, asNews, code)
	title, body := &strings.Builder{}, &strings.Builder{}
	if v.Action != string(event.New) {
		news := v
		news.Action = string(event.New)
		if t.title(news, code).Execute(title, news) == nil {
			v.Title = title.String()
		}
		title.Reset()
	}
	if err := t.title(v, code).Execute(title, v); err != nil { // rare, because check has already executed the template
		title.Reset()
		title.WriteString(e.Type)
	}
	if tmpl := t.template("body", code); tmpl != nil && e.Data.Match != nil {
		_ = tmpl.Execute(body, v)
	}
	return Text{
		Title: send.Cut(oneLine(send.Clean(title.String())), maxTitle),
		Body:  send.Cut(trimLines(send.Clean(body.String())), maxBody),
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// trimLines removes spaces around each line, and empty lines at both ends of s. Markdown would show an
// indented line as code.
func trimLines(s string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(s, "\n") {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return strings.TrimSpace(b.String())
}

// template returns a template of the language. If the language lacks the template, it returns the
// English template, or nil if English lacks it too.
func (t texts) template(name, code string) *template.Template {
	if l := t[code]; l != nil && l.templates[name] != nil {
		return l.templates[name]
	}
	return t["en"].templates[name]
}

// title returns the most specific template for the title of an event in the language. If the
// language has no template, title returns the most specific English template.
func (t texts) title(v view, code string) *template.Template {
	d := v.Event.Data
	keys := []string{string(d.Sport) + "." + string(d.Kind), string(d.Kind)}
	if d.Points > 0 {
		keys = append([]string{string(d.Kind) + "." + strconv.Itoa(d.Points)}, keys...)
	}
	if d.Detail != "" {
		keys = append([]string{string(d.Kind) + "." + event.Slug(d.Detail)}, keys...)
	}
	var names []string
	for _, key := range keys {
		names = append(names, event.Kind(key).Word(event.Action(v.Action)))
	}
	if v.Action != string(event.New) {
		names = append(names, v.Action)
	}
	if v.Home == "" && v.Away == "" && v.Source == "" { // neither a match nor a source
		names = nil
	}
	names = append(names, "other")
	for _, l := range []*language{t[code], t["en"]} {
		for _, name := range names {
			if l != nil && l.templates[name] != nil {
				return l.templates[name]
			}
		}
	}
	return nil
}

// capital returns s with an upper-case first letter.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// lower returns s with a lower-case first letter. It does not change s unless the second character
// is a lower-case letter. So it does not change "TMO review".
func lower(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if second, _ := utf8.DecodeRuneInString(s[n:]); n == 0 || !unicode.IsLower(second) {
		return s
	}
	return string(unicode.ToLower(r)) + s[n:]
}
