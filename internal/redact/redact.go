// Package redact removes secrets from texts that people see.
package redact

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// Secrets are texts that must not appear in an error, a log or a saved page, longest first. The zero
// value redacts nothing.
type Secrets []string

// shortest is the length in bytes of the shortest text that is redacted. Redacting a shorter text
// would also hide ordinary words.
const shortest = 5

// New returns the texts and their encodings for URLs and in base64. It omits texts that are too short.
func New(texts ...string) Secrets {
	var all Secrets
	for _, s := range texts {
		if len(s) < shortest {
			continue
		}
		all = append(all, s, url.QueryEscape(s), url.PathEscape(s),
			base64.StdEncoding.EncodeToString([]byte(s)), base64.URLEncoding.EncodeToString([]byte(s)))
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// RedactBytes replaces each secret in a page with ***.
func (s Secrets) RedactBytes(page []byte) []byte {
	for _, one := range s {
		if bytes.Contains(page, []byte(one)) {
			page = bytes.ReplaceAll(page, []byte(one), []byte("***"))
		}
	}
	return page
}

// Redact replaces each secret in text with ***.
func (s Secrets) Redact(text string) string {
	for _, one := range s {
		text = strings.ReplaceAll(text, one, "***")
	}
	return text
}
