package strictyaml

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// utf8Text returns a document without the byte order mark that some editors put before it. It returns an
// error if the document is not in UTF-8.
func utf8Text(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(data, []byte(mark)) {
			return nil, Pos{Line: 1, Column: 1}.Errorf("the file is in UTF-16: save it as UTF-8")
		}
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		for column, rest := 1, line; len(rest) > 0; column++ {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size == 1 {
				return nil, Pos{Line: i + 1, Column: column}.Errorf("byte %#x: the file is not in UTF-8: save it as UTF-8", rest[0])
			}
			rest = rest[size:]
		}
	}
	return data, nil
}

// parse parses a document in UTF-8.
func parse(data []byte) (*ast.File, error) {
	data, err := utf8Text(data)
	if err != nil {
		return nil, err
	}
	return parseUTF8(data)
}

// parseUTF8 parses a document that is in UTF-8.
func parseUTF8(data []byte) (parsed *ast.File, err error) {
	err = safely(func() error {
		parsed, err = parser.ParseBytes(data, 0)
		return err
	})
	return parsed, err
}

// unusual lists invisible characters, and characters that look like others.
var unusual = []struct{ characters, name, remedy string }{
	{"\u00a0\u2007\u202f", "a no-break space", "write a plain space"},
	{"\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", "an invisible character", "remove it"},
	{"‘’‚“”„«»", "a typographic quote", `write ' or "`},
	{"\b", `a backspace, which \b means in double quotes`, "use single quotes"},
}

// CheckCharacters returns an error if a text contains, outside quotes, an invisible character or a
// character that looks like another, such as a no-break space. Use it for texts in a formal
// language, such as CSS selectors.
func CheckCharacters(text string) error {
	var quote rune
	for _, r := range text {
		switch {
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case r == quote:
			quote = 0
		}
		for _, u := range unusual {
			if quote == 0 && strings.ContainsRune(u.characters, r) {
				return fmt.Errorf("it contains %s (%U): %s", u.name, r, u.remedy)
			}
		}
	}
	return nil
}
