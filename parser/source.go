package parser

import "time"

// A Source is a page to read again and again.
type Source struct {
	URL     string
	Profile *Profile
	Match   string        // "" where the page names its match
	Every   time.Duration // between two readings while a match is live; at least a second
}
