package instances

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MinSecret is the minimum length of a key in bytes: RFC 7518 section 3.2 on HS256.
const MinSecret = 32

// maxClockDifference is the maximum difference between the clocks of an instance and of a process that
// verifies its announcement. With a larger difference, the health of the instance is "fail".
const maxClockDifference = 10 * time.Second

// Reasons why an announcement is not trusted.
var (
	ErrNoKey      = errors.New("without a key, signatures are not verified")
	errUnsigned   = errors.New("its announcement is not signed: set MATCHWIRE_INSTANCE_KEY of the instance")
	errWrongKey   = errors.New("the signature of its announcement is wrong: set MATCHWIRE_INSTANCE_KEY to the same key")
	errWrongClock = errors.New("its announcement is too old or from the future: synchronise the clocks")
)

// An announcement is the JSON object in the registry. Its last key is the signature, if it has one.
type announcement struct {
	Instance
	Announced time.Time `json:"announced"` // by the clock of the instance
}

// signatureKey precedes the signature, in hexadecimal digits, in the text of a signed announcement. The
// signature covers all bytes before signatureKey. So a process can verify an announcement with keys that it does not
// know.
const signatureKey = `,"signature":"`

// announcement returns the text of an announcement, signed if the registry has a key.
func (r *Registry) announcement(i Instance, at time.Time) ([]byte, error) {
	text, err := json.Marshal(announcement{i, at.UTC()})
	if err != nil || r.secret == "" {
		return text, err
	}
	signed := text[:len(text)-len("}")]
	return fmt.Appendf(nil, `%s%s%x"}`, signed, signatureKey, r.sign(string(signed))), nil
}

// sign returns the signature for the beginning of an announcement. The signature is valid only in this
// registry, so that installations with the same key do not trust each other's announcements.
func (r *Registry) sign(signed string) []byte {
	mac := hmac.New(sha256.New, []byte(r.secret))
	fmt.Fprintf(mac, "matchwire instance\x00%s\x00%s", r.keys[0], signed)
	return mac.Sum(nil)
}

// verify returns nil if a process with the key has signed the text of an announcement, and has done so
// so recently that the instance can still be running.
func (r *Registry) verify(text string, announced, now time.Time) error {
	if r.secret == "" {
		return ErrNoKey
	}
	at := strings.LastIndex(text, signatureKey)
	if at < 0 {
		return errUnsigned
	}
	signature, err := hex.DecodeString(strings.TrimSuffix(text[at+len(signatureKey):], `"}`))
	if err != nil || !hmac.Equal(signature, r.sign(text[:at])) {
		return errWrongKey
	}
	if age := now.Sub(announced); age > GoneAfter+maxClockDifference || age < -maxClockDifference {
		return errWrongClock
	}
	return nil
}
