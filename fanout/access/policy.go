package access

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A Policy sets which claims a token must have. The expiry, exp, is always required. The zero
// Policy also requires at least one of the claims topics, match and team. Without these claims, a
// token does not say what it allows.
type Policy struct {
	Issuer    string        // the claim iss; "" accepts any issuer
	Audience  string        // a member of the claim aud; "" accepts any audience
	Lifetime  time.Duration // maximum time from iat to exp; 0 for no maximum
	NotBefore bool          // the claim nbf is required; if a token has nbf, nbf is always checked
	AllowAll  bool          // a token without topics, match or team allows everything
}

type tokenClaims struct {
	jwt.RegisteredClaims
	Topics []string `json:"topics"`
	Match  []string `json:"match"`
	Team   []string `json:"team"`
}

// inRange reports whether the times of the claims are in the years 1 to 9999. Package jwt converts a
// time that is far outside to a wrong time, so that a token could be valid before its nbf.
func (c *tokenClaims) inRange() bool {
	for _, d := range []*jwt.NumericDate{c.ExpiresAt, c.NotBefore, c.IssuedAt} {
		if d != nil && (d.UTC().Year() < 1 || d.UTC().Year() > 9999) {
			return false
		}
	}
	return true
}

// check returns an error if the policy refuses a token with claims c. The caller must already have
// checked the signature and the times of the token.
func (p Policy) check(c *tokenClaims) error {
	switch {
	case p.Issuer != "" && c.Issuer != p.Issuer:
		return errors.New("the token has the wrong issuer: see its claim iss")
	case p.Audience != "" && !slices.Contains(c.Audience, p.Audience):
		return errors.New("the token has the wrong audience: see its claim aud")
	case p.NotBefore && c.NotBefore == nil:
		return errors.New("the token has no claim nbf")
	case p.Lifetime > 0 && c.IssuedAt == nil:
		return errors.New("the token has no claim iat")
	case p.Lifetime > 0 && c.ExpiresAt.Sub(c.IssuedAt.Time) > p.Lifetime:
		return fmt.Errorf("the token is valid for %s from iat to exp: want at most %s",
			c.ExpiresAt.Sub(c.IssuedAt.Time), p.Lifetime)
	case !p.AllowAll && c.Topics == nil && c.Match == nil && c.Team == nil:
		return errors.New(`the token has no claim topics, match or team: to allow everything, set topics to ["#"]`)
	}
	return nil
}
