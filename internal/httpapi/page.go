package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// maxPage is the size, in bytes, at which a page is full. The rest of the list is on the following pages.
const maxPage = 2 << 20

// A listing is the JSON of one page of a list.
type listing struct {
	text  []byte
	count int
	err   error // the first error of json.Marshal
}

// newListing returns an empty page. name is the name of the member that contains the list.
func newListing(name string) *listing {
	return &listing{text: fmt.Appendf(nil, `{%q:[`, name)}
}

// add appends an item. It returns false if the page is then full, or if v cannot be encoded.
func (p *listing) add(v any) bool {
	b, err := json.Marshal(v)
	if err != nil {
		p.err = err
		return false
	}
	if p.count > 0 {
		p.text = append(p.text, ',')
	}
	p.text = append(p.text, b...)
	p.count++
	return len(p.text) < maxPage
}

// close returns the complete page. next is the position of the next page, or "" on the last page.
func (p *listing) close(next string) ([]byte, error) {
	if p.err != nil {
		return nil, p.err
	}
	p.text = append(p.text, ']')
	if next != "" {
		p.text = fmt.Appendf(p.text, `,"next":%q`, next)
	}
	p.text = append(p.text, '}')
	return p.text, nil
}

// closeWithTotal returns the complete page. total is the number of items that exist, on this page or not.
func (p *listing) closeWithTotal(total int) ([]byte, error) {
	if p.err != nil {
		return nil, p.err
	}
	return fmt.Appendf(p.text, `],"total":%d}`, total), nil
}

// invalidPosition returns the error for an invalid value of the query parameter after.
func invalidPosition(after string) error {
	detail := "after " + strconv.Quote(after) + ": want the value of next from a response"
	return apiError{http.StatusBadRequest, detail, ""}
}
