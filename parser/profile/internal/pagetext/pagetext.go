// Package pagetext converts pages to UTF-8, and returns the texts of their elements.
package pagetext

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
)

// utf8Mark is the byte order mark in UTF-8. The mark has no meaning in UTF-8, but some sites send
// it.
var utf8Mark = []byte("\ufeff")

// WithoutMark returns a page without the byte order marks at its beginning, and without the white
// space before them. It converts a page in UTF-16 with a mark to UTF-8. marked reports whether the
// page had a mark. If so, text is UTF-8, even if the page declares another charset. Other pages are
// unchanged.
func WithoutMark(body []byte) (text []byte, marked bool) {
	if bytes.HasPrefix(body, []byte{0xff, 0xfe}) || bytes.HasPrefix(body, []byte{0xfe, 0xff}) {
		// The decoder replaces invalid units, and returns no error.
		body, _ = unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder().Bytes(body)
		marked = true
	}
	for {
		after, found := bytes.CutPrefix(bytes.TrimLeft(body, " \t\r\n"), utf8Mark)
		if !found {
			return body, marked
		}
		body, marked = after, true
	}
}

// HTML returns an HTML page converted to UTF-8, from the charset that the response or the page
// declares. If neither declares a charset, HTML returns valid UTF-8 unchanged, and otherwise
// guesses the charset.
func HTML(body []byte, contentType string) io.Reader {
	encoding, name, declared := charset.DetermineEncoding(body, contentType)
	if name == "utf-8" || !declared && utf8.Valid(body) {
		return bytes.NewReader(body)
	}
	return encoding.NewDecoder().Reader(bytes.NewReader(body))
}

// JSON returns a JSON page converted to UTF-8. It returns valid UTF-8 without NUL bytes unchanged,
// because JSON is usually UTF-8. It converts other pages from the charset that the response
// declares. If the response declares no known charset, the page is unchanged.
func JSON(body []byte, contentType string) ([]byte, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || parameters["charset"] == "" {
		return body, nil
	}
	encoding, name := charset.Lookup(parameters["charset"])
	if encoding == nil || name == "utf-8" || utf8.Valid(body) && !bytes.ContainsRune(body, 0) {
		return body, nil
	}
	if body, err = encoding.NewDecoder().Bytes(body); err != nil {
		return nil, fmt.Errorf("converting the page from %s: %w", name, err)
	}
	return body, nil
}
