package httpapi

import (
	"net/http"
	"time"

	"github.com/matchwire/matchwire/internal/guard"
)

// A session says what a client may do.
type session struct {
	Scopes []guard.Scope `json:"scopes"`
	// Login is true if the server accepts API tokens.
	Login   bool      `json:"login"`
	Expires time.Time `json:"expires,omitzero"` // end of a new session
}

// session returns what the client may do.
func (a *API) session(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, session{Scopes: a.Guard.Allowed(r), Login: a.Guard.AcceptsTokens()})
}

// login starts a session for an API token. The response sets the cookie of the session.
func (a *API) login(w http.ResponseWriter, r *http.Request) error {
	cookie, expires, err := a.Guard.Login(r)
	if err != nil {
		return err
	}
	http.SetCookie(w, cookie)
	return writeJSON(w, http.StatusCreated, session{Scopes: a.Guard.Allowed(r), Login: true, Expires: expires})
}

// logout ends the session of the client.
func (a *API) logout(w http.ResponseWriter, r *http.Request) error {
	cookie, err := a.Guard.Logout(r)
	http.SetCookie(w, cookie)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
