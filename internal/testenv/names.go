package testenv

// Spellings lists pairs of spellings of one name. Code that compares names must treat A and B as
// equal. Slug is the word that both spellings become in a routing key. It is "" if they become
// different words.
var Spellings = []struct{ A, B, Slug string }{
	{"Toronto FC", "TORONTO F.C.", ""},
	{"Brøndby", "Brondby", "brondby"},
	{"BRØNDBY", "brøndby", "brondby"},
	{"Łódź", "Lodz", "lodz"},
	{"Straße", "STRASSE", "strasse"},
	{"STRAẞE", "Straße", "strasse"},
	{"Đurđević", "Durdevic", "durdevic"},
	{"Þór Akureyri", "Thor Akureyri", "thor_akureyri"},
	{"Æsir", "aesir", "aesir"},
	{"Kasımpaşa", "Kasimpasa", "kasimpasa"},
	{"İstanbul", "Istanbul", "istanbul"},
	{"Müller", "Mu\u0308ller", "muller"},
	{"São Paulo", "Sao  Paulo", "sao_paulo"},
	{"Atlético", "ATLÉTICO", "atletico"},
	{"O’Higgins", "O'Higgins", "ohiggins"},
	{"Paris Saint-Germain", "Paris Saint Germain", "paris_saint_germain"},
	{"Динамо Київ", "ДИНАМО КИЇВ", "dinamo_kiyiv"},
	{"Ολυμπιακός", "ΟΛΥΜΠΙΑΚΌΣ", "olumpiakos"},
	{"浦和レッズ", "浦和 レッズ", "pu_he_retsuzu"},
	{"ﬁorentina", "Fiorentina", "fiorentina"},
	{"1899 Hoffenheim", "1899-Hoffenheim", "1899_hoffenheim"},
}

// DifferentNames lists pairs of different names. Code that compares names must not treat the names of a
// pair as equal.
var DifferentNames = [][2]string{
	{"Brøndby", "Brondbi"}, {"Динамо Київ", "Динамо Москва"}, {"Olympiakos", "Ολυμπιακός"}, {"FC 1", "FC 2"},
}
