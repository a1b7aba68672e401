package observation

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/matchwire/matchwire/internal/testenv"
)

// twice encodes name as UTF-8 twice. Between the encodings, the bytes are read as Latin-1 or as
// Windows-1252.
func twice(name string) (latin1, windows string) {
	for _, b := range []byte(name) {
		r := charmap.Windows1252.DecodeByte(b)
		if r == utf8.RuneError { // browsers read the unused bytes of Windows-1252 as Latin-1
			r = rune(b)
		}
		latin1 += string(rune(b))
		windows += string(r)
	}
	return latin1, windows
}

// correctNames are correct names in many languages.
var correctNames = []string{
	"Qarabağ", "Ferencváros", "Nieciąg", "Blaßmeier", "Tóth", "Rondón", "Müller", "Nešić", "Örebro", "Århus", "Évian",
	"Şahin", "Beşiktaş", "İstanbul Başakşehir", "Çaykur Rizespor", "Śląsk Wrocław", "Łódź", "Żyrardów", "Ďurica",
	"Győri ETO", "Újpest", "Rēzekne", "Kauno Žalgiris", "Žilina", "Škoda", "Bodø/Glimt", "FC København", "Ägypten",
	"Català", "à la carte", "Nicolò Barella", "Señor Ñíguez", "São Paulo", "João", "Îles", "Ìbrahim", "Zirə",
	"Ağdam Qarabağ FK", "Oțelul Galați", "Ștefan", "Nguyễn Quang Hải", "Hồ Chí Minh", "Real\u00a0Sociedad d’Évian",
	"Спартак", "Россия", "Премьер-лига", "ЦСКА", "Ελλάδα 1", "Παναθηναϊκός", "הפועל", "الدوري المصري", "中超联赛",
	"Jリーグ", "K리그1", "ไทยลีก", "საქართველო", "Հայաստան", "हिन्दी", "“Quoted” – name…", "MALMÖ FF", "ÖREBRO", "Pé",
	"Rondo\u0301n",
}

func TestCaseNamesEncodedTwice(t *testing.T) {
	t.Parallel()
	for _, name := range correctNames {
		latin1, windows := twice(name)
		for charset, page := range map[string]string{"Latin-1": latin1, "Windows-1252": windows} {
			if got := RepairEncoding(page); got != name {
				t.Errorf("RepairEncoding(%q) = %q, want %q (%s)", page, got, name, charset)
			}
		}
	}
}

// Correct names stay unchanged, even names that look as if they were encoded twice.
func TestCorrectNamesStayUnchanged(t *testing.T) {
	t.Parallel()
	names := append([]string{
		"", "Ajax", "Ãvila", "LÍŠKA", "KRÍŽ", "TÓŠ", "DÚŠKA", "RENÉ’S", "JOSÉ–MARIA", "CAFÉ™", "CAFÉ®", "BLÅ–HVIT", "BLÅ’S",
		"Å–laget", "SMØ’S", "BRØ–HAG", "Groß–Rot", "Preuß’ Tor", "GROß’", "TUPÃ–SP", "IRMÃ\u00a0DULCE", "IRMÃ\u00adDADE",
		"IRMÃ¹",
		"AMANHÃ…", "«BLÅ»", "“BLÅ”", "‘BLÅ’", "René’s", "René’…", "Café\u00a0Noir", "Ñ’", "日本", "PEÑA–", "ÁÂÃÄÅÆÇÈÉÊËÌÍÎÏ",
	}, correctNames...)
	for _, s := range testenv.Spellings {
		names = append(names, s.A, s.B)
	}
	for _, n := range testenv.DifferentNames {
		names = append(names, n[:]...)
	}
	for _, name := range names {
		for _, variant := range []string{name, strings.ToUpper(name), name + "’s", "1. " + name} {
			if got := RepairEncoding(variant); got != variant {
				t.Errorf("RepairEncoding(%q) = %q, want it unchanged", variant, got)
			}
		}
	}
}

// RepairEncoding never repairs only a part of a name. If one word was encoded twice and another was
// not, the name stays unchanged.
func TestRepairIsWhole(t *testing.T) {
	t.Parallel()
	for _, name := range correctNames {
		latin1, _ := twice(name)
		for _, mixed := range []string{latin1 + " é", "é " + latin1} {
			if got := RepairEncoding(mixed); got != mixed && latin1 != name {
				t.Errorf("RepairEncoding(%q) = %q, want it unchanged", mixed, got)
			}
		}
	}
}

// RepairEncoding completely repairs a name that was encoded as UTF-8 up to four times, or returns
// it unchanged. A name may stay unchanged if undoing only some of the encodings also gives a
// plausible name.
func TestNamesEncodedUpToFourTimes(t *testing.T) {
	t.Parallel()
	doubtful := 0
	names := append([]string{"Šibenik", "KRŠKO", "ŽILINA", "Ñ", "Trnava–Žilina", "DÚŠKA"}, correctNames...)
	for _, name := range names {
		pages := []string{name}
		for times := 2; times <= 4; times++ {
			var again []string
			for _, page := range pages {
				latin1, windows := twice(page)
				again = append(again, latin1, windows)
			}
			pages = again
			for _, page := range pages {
				got := RepairEncoding(page)
				if got != name && got != page {
					t.Errorf("RepairEncoding(%q) = %q, want %q or the text unchanged", page, got, name)
				}
				if got != name {
					doubtful++
				}
			}
		}
	}
	if most := len(names); doubtful > most {
		t.Errorf("%d texts stay unchanged, want at most %d", doubtful, most)
	}
	latin1, windows := twice("Šibenik")
	for _, page := range []string{latin1, windows} {
		again, other := twice(page)
		for _, text := range []string{again, other, again + " 2-1", "1. " + other} {
			got, want := RepairEncoding(text), strings.NewReplacer(again, "Šibenik", other, "Šibenik").Replace(text)
			if got != want {
				t.Errorf("RepairEncoding(%q) = %q, want %q", text, got, want)
			}
		}
		if got := RepairEncoding(again); got != "Šibenik" {
			t.Errorf("RepairEncoding(%q) = %q, want Šibenik", again, got)
		}
	}
}
