//! The lexicon: English, German and Korean. A star ends a stem; Korean words are
//! stems always.

use crate::reason::Topic;

/// Words that say the same of a request.
#[derive(Debug)]
pub(crate) struct Group {
    /// The name in the file of weights.
    pub(crate) name: &'static str,
    /// What a person is told that these words are about.
    pub(crate) topic: Topic,
    /// The words, with spaces between them.
    pub(crate) words: &'static str,
}

const fn group(name: &'static str, topic: Topic, words: &'static str) -> Group {
    Group { name, topic, words }
}

/// All groups. Their order is of no account: weights are kept by name.
pub(crate) const GROUPS: &[Group] = &[
    group(
        "proof",
        Topic::Proof,
        "prove* proof* theorem* lemma* derive derives derivation* corollar* axiom* rigorous* \
         counterexample* beweis* herleit* widerleg* 증명 유도 보이시오 보여라 논증",
    ),
    group(
        "reasoning",
        Topic::Reasoning,
        "why explain* justif* argue* assess* evaluat* critique* critical* interpret* analyse* \
         analyze* analysis analysing discuss* implication* tradeoff* consequence* compare* \
         comparison* contrast* reason* warum erklär* begründ* vergleich* bewert* analysier* erörter* \
         ursache* 분석 설명 이유 비교 평가 원인 따져 관점",
    ),
    group(
        "long_answer",
        Topic::LongAnswer,
        "comprehensive* detailed detail thorough* depth exhaustive* complete completely essay* report \
         chapter* literature manual proposal outlook overview guide words umfassend* ausführlich* \
         vollständig* bericht detailliert* 보고서 에세이 종합 상세 구체적",
    ),
    group(
        "plan",
        Topic::Plan,
        "plan plans planning design* strateg* schedul* roadmap* migrat* architect* optimis* optimiz* \
         priorit* negotiat* rota recommend* dependenc* risks risk entwirf entwerf* plane planung \
         reihenfolge 계획 설계 전략 일정 단계 방안 수립",
    ),
    group(
        "code",
        Topic::Code,
        "python javascript typescript rust golang java sql regex function functions class script html \
         css docker* git api code coding compile* bug bugs debug* refactor* implement* unit endpoint* \
         loop variable* program* skript funktion react query database repo repository bash linux \
         pandas json yaml numpy def return int std import 코드 스크립트 파이썬 자바스크립트",
    ),
    group(
        "hard_code",
        Topic::HardCode,
        "concurren* threads deadlock* mutex lock atomic* race races async* distributed \
         consensus cuda compiler* parser* leak leaks lineariz* transaction* isolation failover* \
         idempoten* shard* crdt* segfault* undefined unsafe lifetime* invariant* interleav* \
         partition* replicat* 분산 트랜잭션 동시성 멱등",
    ),
    group(
        "transform",
        Topic::Transform,
        "translat* summar* tldr tl rewrite rephras* shorten* shorter proofread* grammar spelling \
         convert* format reformat* alphabetical* uppercase übersetz* zusammenfass* fasse zusammen \
         korrigier* formulier* 번역 요약 고쳐 바꿔 옮겨 맞춤법",
    ),
    group(
        "extract",
        Topic::Extract,
        "extract* classif* label* sentiment categor* parse mentioned mentions spam tag tags \
         positive negative gib lautet 뽑아 추출",
    ),
    group(
        "lookup",
        Topic::Lookup,
        "who when where define* definition meaning capital named called spell located wer wann wo \
         heißt hauptstadt bedeutet 누구 언제 어디 수도",
    ),
    group(
        "chat",
        Topic::Chat,
        "hi hello hey thanks thank morning goodnight bye joke sorry ok okay lol please hallo danke \
         tschüss bitte guten witz 안녕 고마 농담 감사",
    ),
    group(
        "command",
        Topic::Command,
        "open list show delete* rename* move copy create turn set remind* add restart* ping timer \
         send append find zeig* lösch* mach schalt* suche 켜줘 꺼줘 보여 열어 찾아",
    ),
    group(
        "files",
        Topic::Files,
        "file files folder* document* pdf pdfs csv directory downloads photo* picture* attached txt \
         notes datei* ordner* unterlagen 파일 폴더 문서 사진",
    ),
    group(
        "network",
        Topic::Network,
        "router* wifi wlan nas printer* lan vpn vlan* firewall* port ports dns switch backup* disk \
         disks thermostat network* zfs raid fritzbox netz* 공유기 네트워크 백업 인터넷",
    ),
    group(
        "sums",
        Topic::Sums,
        "sum difference product divide* multipl* fraction* area perimeter average mean median round \
         square root solve equation* calculat* summe löse berechne* nullstelle* 넓이 구해 구하 곱하기",
    ),
    group(
        "maths",
        Topic::Maths,
        "integral* integrate* integration derivativ* matrix matrices eigen* polynomial* subgroup* \
         homomorph* isomorph* abelian cyclic* vector* convergen* converges topolog* compact* continuous* \
         differentiab* prime primes modulo congruen* galois bounded hilbert* linear permutation* \
         combinatori* logarithm* asymptotic* symmetric coefficient* divisib* irrational* orthogonal* \
         injective surjective bijecti* stetig* vektor* ableitung* gleichung* 행렬 적분 미분 \
         자연수 소수 방정식 고윳값 함수 부분군 유한군 순환군 수열 정리 무리수",
    ),
    group(
        "shares",
        Topic::Steps,
        "each every per twice half thirds third quarter* times percent* ratio remaining rest remain* \
         fewer older younger double triple altogether total left equally average faster slower jeder \
         jede hälfte doppelt* prozent insgesamt rest 각각 모두 절반 남은 남았",
    ),
    group(
        "trade",
        Topic::Steps,
        "cost costs earn* pay pays paid buy buys bought sold sells sell spend* spent save saves saved \
         price* dollar* euro* cents money profit gave gives gets loses kostet kosten bezahlt kauft \
         euro zins* 얼마 원이 가격",
    ),
    group(
        "amounts",
        Topic::Steps,
        "many much hours hour minutes minute days weeks week months years year miles km metres meters \
         litres liters kilograms kg speed age eggs cups boxes tickets pages stunden tage wochen jahre \
         wie viel* 몇 시간 며칠",
    ),
    group(
        "numerals",
        Topic::Steps,
        "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty \
         sixty hundred thousand million dozen zwei drei vier fünf sechs sieben acht neun zehn zwölf \
         hundert 다섯",
    ),
    group(
        "statistics",
        Topic::Statistics,
        "probabilit* variance* regression* estimat* hypothes* distribut* correlat* sample samples random* \
         bayes* stochast* confidence ols heterosk* expected deviation significan* autocorrelat* \
         wahrscheinlich* zufällig* 확률 통계",
    ),
    group(
        "logic",
        Topic::Logic,
        "valid invalid validity premise* conclusion* implies proposition* propositional predicate* truth \
         truthful argument* fallac* contradict* equivalen* syllog* knights knaves statement statements \
         logical* necessarily liar lies aussage* behaupt* wahr 논리 거짓 진실",
    ),
    group(
        "law",
        Topic::Law,
        "law laws legal* court courts plaintiff* defendant* liab* contract* statut* negligen* tort jury \
         judge* sue sues sued suit evidence constitution* clause* tenant* landlord* easement* \
         jurisdiction* crim* prosecut* amendment* felon* recht* gesetz* vertrag* klausel* bgb miet* \
         widerspruch 계약 법률 소송",
    ),
    group(
        "medicine",
        Topic::Medicine,
        "patient* diagnos* symptom* syndrome* disease* treatment* blood mg infect* chronic* acute* \
         tumor* tumour* cancer* examination therap* clinical* hormon* inherit* virus* viral vaccin* \
         pressure drug drugs cardiac renal hepat* fever pain physician surg* history mm hg dose \
         arter* lesion* 환자 진단",
    ),
    group(
        "physics",
        Topic::Science,
        "velocit* accelerat* force forces energy momentum charge* electric* magnetic* voltage* current \
         circuit* capacitor* resist* frequenc* wavelength* quantum relativ* photon* spin mass gravit* \
         friction* thermodynam* entrop* temperature* orbit* particle* pendel* widerstand* 에너지 양자 \
         엔트로피",
    ),
    group(
        "chemistry",
        Topic::Science,
        "molecul* reaction* acid acids oxid* ion ions ionic mol molar* solution* equilibrium organic \
         catalys* enthalp* electron* compound* isotop* nucle* buffer 화학 반응",
    ),
    group(
        "biology",
        Topic::Science,
        "gene genes genetic* protein* cell cells dna rna mrna allele* species evolution* enzym* \
         chromosom* organism* phenotyp* mutation* metabol* ecolog* hominin* fossil* 세포 유전",
    ),
    group(
        "computing",
        Topic::Computing,
        "algorithm* neural gradient* cache caching processor* cpu automat* np binary bit bits byte bytes \
         pointer* memory encrypt* cryptograph* hash* graph graphs sort sorting svm overfit* kernel* \
         gpu tcp packet* protocol* 알고리즘",
    ),
    group(
        "finance",
        Topic::Finance,
        "interest bond bonds tax taxes revenue* depreciat* asset* liabilit* audit* account* invest* cash \
         equity portfolio* inflation* monetar* fiscal elastic* demand supply marginal* monopol* gdp \
         currency wacc yield* etf* steuer* finanz* 금리 경제 투자",
    ),
    group(
        "society",
        Topic::Society,
        "histor* war wars century king empire* revolution* politic* government* society social* cultur* \
         religio* church* president* econom* treaty colon* dynasty movement* nation* international* \
         constitution verfassung* 역사 정치 사회",
    ),
    group(
        "everyday_studies",
        Topic::Society,
        "psycholog* behavio* manager* marketing customer* employee* consumer* brand leadership motivat* \
         child children nutrition* diet vitamin* communicat* personality teacher* older adults learning",
    ),
    group(
        "ethics",
        Topic::Ethics,
        "moral* ethic* wrong justice virtue* kant* utilitar* duty duties obligat* philosoph* objection* \
         rawls 윤리 도덕",
    ),
    group(
        "constraints",
        Topic::Constraints,
        "not except without must never only exactly least most unless neither nor cannot however \
         although but may nobody nicht ohne höchstens mindestens genau nur außer kein keine 않 없이 최소 \
         최대 반드시",
    ),
    group(
        "sequence",
        Topic::Steps,
        "first second then after before finally next later until while if suppose given assum* consider \
         let such following falls wenn dann danach zuerst bevor 먼저 다음 후에 만약 뒤",
    ),
    group(
        "creative",
        Topic::Writing,
        "poem* story haiku sonnet song slogan* speech letter email invitation write writing draft compose \
         tweet blog gedicht brief schreib* verfass* 써줘 작성 메일",
    ),
    group(
        "advanced_writing",
        Topic::LongAnswer,
        "hypothesis novel policy brief perspectiv* recommendation evidence robust literature threat \
         historians methodolog* sensitivit* scenario* assumption* theory theories framework \
         fazit gegenargument* 전망 시나리오 결론 논거",
    ),
];
