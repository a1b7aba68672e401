package archive

import "testing"

// cell escapes page text that a spreadsheet would treat as a formula.
func TestCell(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "Ajax": "Ajax", "1=2": "1=2", "45+2'": "45+2'",
		"=1+1": "'=1+1", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)",
		"\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "＝1": "'＝1",
	} {
		if got := cell(text); got != want {
			t.Errorf("cell(%q): got %q, want %q", text, got, want)
		}
	}
}
