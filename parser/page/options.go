package page

import (
	"errors"
	"net/mail"
	"strings"
	"time"
)

// Options holds the settings of a client. The zero value is ready to use.
type Options struct {
	// PerHost is the minimum time between two requests to one host. 0 means 250 ms. A longer
	// Crawl-delay in the host's robots.txt overrides PerHost, up to a minute.
	PerHost time.Duration
	// IgnoreRobots allows pages that robots.txt forbids. It is for your own sites.
	IgnoreRobots bool
	// Policy says which addresses and ports pages may have.
	Policy Policy
	// MaxWait is the maximum time that a request waits for a slot at a host. If the wait would be
	// longer, the request fails with a [BusyError]. 0 means 30 s.
	MaxWait time.Duration
	// Limiter spaces the requests to each host. If it is nil, the client spaces only its own
	// requests.
	Limiter HostLimiter
	// Contact tells the owner of a site how to reach you: a mail address, or the URL of a page. Every
	// request shows it after [UserAgent]. "" means no contact. [CheckContact] checks it.
	Contact string
}

// maxContact is the maximum length of a contact in bytes.
const maxContact = 200

// CheckContact returns an error if a contact is neither a mail address nor an http or https URL. A
// User-Agent header can contain the contact, so the contact has only ASCII characters.
func CheckContact(contact string) error {
	address, err := mail.ParseAddress(contact)
	isAddress := err == nil && address.Address == contact
	u, err := CheckURL(contact)
	isURL := err == nil && u.User == nil
	special := strings.ContainsFunc(contact, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`()\`, r)
	})
	if !isAddress && !isURL || special || len(contact) > maxContact {
		return errors.New("want a mail address, like me@club.example, or the URL of a page, like https://club.example/bot")
	}
	return nil
}

// userAgent returns the User-Agent header of every request.
func (o Options) userAgent() string {
	if o.Contact == "" {
		return UserAgent
	}
	return strings.TrimSuffix(UserAgent, ")") + "; " + o.Contact + ")"
}
