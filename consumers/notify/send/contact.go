package send

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// contactProblem returns the reason why push services refuse a contact, or "". Apple's service answers
// 403 BadJwtToken unless the host of the contact is public.
func contactProblem(contact string) string {
	if contact == "" {
		return "it is missing"
	}
	u, err := url.Parse(contact)
	if err != nil {
		return "it is not a URL"
	}
	switch u.Scheme {
	case "https":
		if u.User != nil {
			return "it contains a user"
		}
		return hostProblem(u.Hostname())
	case "mailto":
		text, err := url.PathUnescape(u.Opaque)
		address, parseErr := mail.ParseAddress(text)
		if err != nil || parseErr != nil || address.Address != text || u.RawQuery != "" {
			return "it is not one mail address"
		}
		return hostProblem(text[strings.LastIndex(text, "@")+1:])
	}
	return fmt.Sprintf("the scheme is %q", u.Scheme)
}

// privateDomains contains top-level domains that have no public hosts.
var privateDomains = []string{"localhost", "local", "localdomain", "invalid", "test", "internal", "intranet", "private",
	"lan", "home", "corp", "arpa", "onion", "alt"}

// publicDomain matches a domain with at least two labels. The last label contains a letter.
var publicDomain = regexp.MustCompile(`^([\pL\pN]([\pL\pN-]*[\pL\pN])?\.)+[\pL\pN-]*\pL[\pL\pN-]*$`)

// hostProblem returns the reason why a host is not public, or "".
func hostProblem(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	switch {
	case host == "":
		return "it has no host"
	case net.ParseIP(strings.Trim(host, "[]")) != nil:
		return "the host is an IP address"
	case !publicDomain.MatchString(host):
		return fmt.Sprintf("%s is not a public domain", host)
	}
	if top := host[strings.LastIndex(host, ".")+1:]; slices.Contains(privateDomains, top) {
		return fmt.Sprintf("the domain .%s is not public", top)
	}
	return ""
}
