const forms = new Intl.PluralRules("en");
const WORDS = { one: "file", other: "files" };

/** Such as "3 files". */
const files = (count) => `${count.toLocaleString("en")} ${WORDS[forms.select(count)]}`;

[0, 1, 2, 1234].forEach((count) => console.log(files(count)));
