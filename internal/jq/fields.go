package jq

import "github.com/itchyny/gojq"

// checkFields returns an error if a query reads a member that its input does not have. jq itself
// returns null for such a member. checkFields finds the mistake where it is certain that a part of
// the query has the input of the whole query, and skips other parts.
func checkFields(q *gojq.Query, input Fields) error {
	if input == nil {
		return nil
	}
	c := &fieldChecker{input: input}
	c.query(q)
	return c.err
}

// A fieldChecker visits the parts of a query that have the input of the whole query.
type fieldChecker struct {
	input Fields
	err   error // the first mistake
}

func (c *fieldChecker) query(q *gojq.Query) {
	if q == nil || c.err != nil {
		return
	}
	c.term(q.Term)
	c.query(q.Left)
	if q.Op != gojq.OpPipe || q.Patterns != nil { // the right side of a pipe has another input
		c.query(q.Right)
	}
}

func (c *fieldChecker) term(t *gojq.Term) {
	if t == nil || c.err != nil {
		return
	}
	c.text(t.Str)
	switch {
	case t.Index != nil:
		c.member(t)
	case t.Object != nil:
		for _, kv := range t.Object.KeyVals {
			if kv.Val == nil && kv.Key != "" && kv.Key[0] != '$' {
				c.name(kv.Key, c.input)
			}
			c.text(kv.KeyString)
			c.query(kv.KeyQuery)
			c.query(kv.Val)
		}
	case t.Array != nil:
		c.query(t.Array.Query)
	case t.Func != nil && t.Func.Name == "when":
		for _, q := range t.Func.Args {
			c.query(q)
		}
	case t.Unary != nil:
		c.term(t.Unary.Term)
	case t.If != nil:
		c.query(t.If.Cond)
		c.query(t.If.Then)
		for _, e := range t.If.Elif {
			c.query(e.Cond)
			c.query(e.Then)
		}
		c.query(t.If.Else)
	case t.Try != nil:
		c.query(t.Try.Body)
	case t.Reduce != nil:
		c.query(t.Reduce.Query)
	case t.Foreach != nil:
		c.query(t.Foreach.Query)
	}
	c.query(t.Query)
}

func (c *fieldChecker) text(s *gojq.String) {
	if s != nil {
		for _, q := range s.Queries {
			c.query(q)
		}
	}
}

// member checks a path like .score.home.
func (c *fieldChecker) member(t *gojq.Term) {
	at := c.name(nameOf(t.Index), c.input)
	for _, s := range t.SuffixList {
		if at == nil || s.Index == nil {
			return
		}
		at = c.name(nameOf(s.Index), at)
	}
}

// name checks the name of a member and returns the members below it. It does nothing if the name is
// "", because it is not known before the program runs.
func (c *fieldChecker) name(name string, of Fields) Fields {
	below, known := of[name]
	if name != "" && !known && c.err == nil {
		c.err = of.unknown(name)
	}
	return below
}

// nameOf returns the name of a member, or "".
func nameOf(i *gojq.Index) string {
	if i.Str != nil && i.Str.Queries == nil {
		return i.Str.Str
	}
	return i.Name
}
