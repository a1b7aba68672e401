package event_test

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// League names in any script have readable keys. All names in this test have different keys.
func TestCaseKeysOfAllScripts(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, want := range map[string]string{
		"Премьер-лига": "premer_liga", "2. Лига": "2_liga", "Суперліга": "superliga", "Први тим": "prvi_tim",
		"Ελλάδα 1": "ellada_1", "Σούπερ Λιγκ": "souper_ligk", "الدوري المصري": "ldwry_lmsry", "دوري أبطال": "dwry_btl",
		"ליגת העל": "lygt_hl", "中超联赛": "zhong_chao_lian_sai", "中甲": "zhong_jia", "Jリーグ": "jrigu", "J2リーグ": "j2rigu",
		"プレミア": "puremia", "フレミア": "huremia", "K리그1": "krigeu1", "ไทยลีก": "aithyliik", "Հայաստան": "hayastan",
		"საქართველო": "sakartvelo", "हिन्दी": "hindii", "Первая лига": "pervaia_liga",
		"Straße": "strasse", "Første Division": "forste_division", "Łódzka": "lodzka",
		"Azərbaycan Premyer Liqası": "azerbaycan_premyer_liqasi",
		"Ħamrun Cup":                "hamrun_cup", "Þórsvöllur": "thorsvollur", "Ｊ１": "j1", "Ⅱ. Liga": "ii_liga",
		"1ª División": "1a_division",
	} {
		got := event.Slug(name)
		if got != want {
			t.Errorf("Slug(%q) = %q, want %q", name, got, want)
		}
		if decomposed := event.Slug(norm.NFD.String(name)); decomposed != got {
			t.Errorf("Slug(%q) = %q decomposed, want %q", name, decomposed, got)
		}
		if upper := event.Slug(strings.ToUpper(name)); upper != got {
			t.Errorf("Slug(%q) = %q, want %q", strings.ToUpper(name), upper, got)
		}
		if other := seen[got]; other != "" {
			t.Errorf("%q and %q have the same key %s, want different keys", name, other, got)
		}
		seen[got] = name
		if err := event.CheckKey(event.Key(event.Soccer, name, "goal")); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "–", "★", "🏆", "\u0301"} {
		if got := event.Slug(name); got != "unknown" {
			t.Errorf("Slug(%q) = %q, want unknown", name, got)
		}
	}
	long := event.Slug(strings.Repeat("中超联赛", 100))
	if err := event.CheckKey(event.Key(event.AmericanFootball, long, "score_change_retracted")); err != nil {
		t.Error(err)
	}
}

// The keys of names in Latin letters must not change, because consumers have bound queues with
// them. latinSlug implements the rule that all versions use for these names.
func TestLatinKeysAreFixed(t *testing.T) {
	t.Parallel()
	latinSlug := func(name string) string {
		folded := strings.NewReplacer("ø", "o", "Ø", "O", "đ", "d", "Đ", "D", "ł", "l", "Ł", "L", "ß", "ss", "ẞ", "SS", "æ",
			"ae", "Æ", "Ae",
			"œ", "oe", "ı", "i", "ð", "d", "þ", "th", "Þ", "Th", "'", "", "’", "").
			Replace(name)
		folded = strings.Map(func(r rune) rune {
			switch r = unicode.ToLower(r); {
			case unicode.Is(unicode.Mn, r):
				return -1
			case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
				return r
			}
			return ' '
		}, norm.NFKD.String(folded))
		return strings.Join(strings.Fields(folded), "_")
	}
	names := []string{
		"MLS", "Premier League", "Primera División", "  Ligue 1 / Uber Eats ", "K'League", "SCOTLAND: Premiership",
		"Süper Lig", "Allsvenskan – Östra", "Serie A (Brasil)", "Campeonato Brasileiro Série B", "II Liga, gr. 2", "1. Liga",
		"Première Division & Coupe", "Ekstraklasa", "Česká liga", "Kategoria Superiore", "Þýska deildin",
		"Nations League A/B",
	}
	for _, s := range testenv.Spellings {
		names = append(names, s.A, s.B)
	}
	for _, name := range names {
		if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) }) {
			continue
		}
		if got, want := event.Slug(name), latinSlug(name); got != want && want != "" {
			t.Errorf("Slug(%q) = %q, want %q", name, got, want)
		}
	}
}
