"""Common words by language: they tell languages apart, and they are left out of a question that has other words.

Only languages in Latin letters need telling apart here; other scripts name their language themselves.
"""

STOP_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "english": """a about after all also am an and any are as at be because been before being between both but
            by can could did do does doing during each for from further had has have having he her here
            hers him his how i if in into is it its itself just me more most my no nor not now of off on
            once only or other our out over own same she should so some such than that the their them
            then there these they this those through to too under until up very was we were what when
            where which while who whom why will with would you your s t don ll re ve please tell give
            explain""",
        "german": """aber alle als also am an auch auf aus bei bin bis bist da damit das dass dein dem den der
            des die dies diese dieser dieses doch dort du durch ein eine einem einen einer eines er es
            für hat hatte hatten habe haben ich ihr ihre ihrem ihren im in ist ja jede jedem jeden jeder
            kann kein keine können man mehr mein mich mir mit nach nicht noch nur ob oder ohne sehr sein
            seine seiner sich sie sind so über um und uns unter vom von vor wann war waren warum was
            welche welchem welchen welcher welches wenn wer werden wie wir wird wo worden wurde wurden
            zu zum zur zwischen""",
        "spanish": """a al algo ante antes aquel aquella como con contra cual cuál cuáles cuando cuándo cuántas
            cuántos cuánto de del desde dónde donde durante e el él ella ellas ellos en entre era eran
            es esa ese eso esta está están estas este esto estos fue fueron ha había han hasta hay la
            las le les lo los más me mi muy nada ni no nos o otra otro para pero poco por porque que qué
            quien quién quiénes se ser si sí sido sin sobre son su sus también tiene tienen toda todo
            todos tras tu un una uno unos y ya yo cómo""",
        "french": """à afin ai ainsi alors après au aucun aussi autre aux avait avant avec avoir c ce cela ces
            cet cette ceux chaque comme comment d dans de depuis des dont du elle elles en entre est et
            étaient était été être eu eux fait il ils j je jusque l la le les leur leurs lors lui m ma
            mais me même mes moi mon n ne ni nos notre nous on ont ou où par pas pendant peut plus pour
            pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se ses si son sont sous
            sur t ta te tous tout toute très tu un une vos votre vous y""",
        "italian": """a ad ai al alla alle anche avere che chi ci come con contro cosa cui da dal dalla dei del
            della delle dello di dopo dove e è ed era erano essere fra gli ha hanno il in io l la le lo
            loro lui ma mi mio molto nei nel nella nelle no noi non o per perché più poi prima quale
            quali quando quanto quella quello questa queste questi questo se sei senza si sia solo sono
            sotto sta stato su sua sue sui sul sulla suo tra tu tutti tutto un una uno voi""",
        "portuguese": """à ao aos as às até com como contra da das de dela dele deles depois do dos e é ela elas ele
            eles em entre era eram essa esse esta está estão este eu foi foram há isso isto já lhe mais
            mas me mesmo meu minha muito na nas não nem no nos nós o os ou para pela pelas pelo pelos
            por porque qual quais quando quanto que quem se sem ser seu seus são sob sobre só sua suas
            também te tem têm um uma umas você""",
        "dutch": """aan al alle als bij daar dan dat de deze die dit doch door dus een en er ge geen had heb
            hebben heeft het hier hij hoe hun ik in is ja je kan kunnen maar me meer men met mijn na
            naar niet nog nu of om omdat onder ons ook op over te tegen toch toen tot tussen uit uw van
            veel voor waar waarom wanneer waren was wat we wel welke werd werden wie wij worden wordt
            zal ze zei zich zij zijn zo zonder zou""",
        "swedish": """alla än är att av bara bli blev då de dem den denna deras dess det detta dig din dina dock
            du där efter ej eller en er ett finns för från ha hade han hans har hon hur här i icke in
            inom inte jag kan kunde man med mellan men mig min mot mycket när ni nu och om oss på samma
            sedan sig sin sina som så till upp ut utan vad var vara varför vem vi vid vilka vilken
            vilket åt över""",
        "danish": """ad af alle alt anden at blev blive bliver da de dem den denne der deres det dette dig din
            dog du efter eller en end er et for fra ham han hans har havde have hende her hun hvad hvem
            hver hvilke hvilken hvis hvor hvordan hvorfor hvornår i ikke ind jeg jo kan kunne man mange
            med meget men mellem mig min mod noget nogle nu når og også om op os over på sig sin som til
            ud under var ved vi vil være været""",
        "norwegian": """alle at av bare ble bli blir da de deg dem den denne der deres det dette din du eller en er
            et etter for fordi fra ha hadde han hans har henne her hun hva hvem hver hvilke hvilken hvis
            hvor hvordan hvorfor i ikke ingen inn jeg kan kunne man mange med meg meget mellom men min
            mot noe noen nå når og også om opp oss over på seg sin som så til ut uten var ved vi vil
            være vært å""",
        "finnish": """ei eivät eli en että hän hänen he heidän ja jo joka jos jossa jotka kanssa kuin kuinka kun
            me mikä miksi millä minä missä mitä mitkä mukaan mutta myös ne niin nämä näin ollut olla
            olen oli olivat on ovat se sekä sen siitä sillä sinä tai tämä tämän te vain vai voi""",
        "polish": """aby albo ale bardzo bez był była były było być by co czy dla do gdy gdzie go i ich ile jak
            jako jakie jego jej jest jeszcze już kiedy kto która które którego którym który którzy lub
            ma mi może na nad nie niż o od on ona oni oraz po pod przed przez przy są się tak także tego
            tej ten to tym tylko w we wszystkie z za ze że żeby""",
        "czech": """aby ale ani až bez bude by byl byla bylo být co což do i jak jako jaké jaký je jeho její
            jejich jen ještě již jsem jsou k kde kdo kdy která které který má mezi na nad ne nebo není o
            od on po pod podle pro proč protože při s se si tak také ten tento to toho tom u v ve však z
            za ze že""",
        "hungarian": """a az azt abban ahol akkor ami amely amelyek azok ban be ben csak de egy egyik el én és ez
            ezt ez fel ha hogy hogyan is itt ki kell le lesz még meg mely melyik mert mi mikor milyen
            mint miért minden nagyon ne nem és ott ők ő pedig s saját sem szerint ti után vagy van
            vannak volt voltak át""",
        "romanian": """a acest această acum ai al ale am ar are au ca că când care ce cea cei cel cine cu cum cât
            da de decât deci despre din după ea ei el ele este eu fi fost iar în între la le lor lui mai
            mult ne noi nu o pe pentru prin sa să sale sau se si și sub sunt su te un una unde unei unui
            va""",
        "turkish": """ama ancak bir biri bu bunu da daha de değil diye dolayı en gibi göre hangi hem hep her için
            ile ise kadar kaç ki kim mı mi mu mü nasıl ne neden nerede o olan olarak oldu olduğu ona
            onlar onu sonra şu tarafından tüm ve veya ya yok çok üzerine var ben biz sen siz""",
        "indonesian": """ada adalah agar akan antara apa atas atau bagaimana bagi bahwa banyak berapa bisa dalam dan
            dapat dari dengan di dia hanya hingga ini itu juga kami kamu karena ke kepada ketika lebih
            mana masih mengapa menjadi mereka oleh pada para saat saya sebagai secara sebuah seperti
            serta siapa sudah telah tentang terhadap tersebut tidak untuk yang""",
        "russian": """а без более бы был была были было быть в вам вас весь во вот все всех вы где да для до его
            ее её если есть ещё же за и из или им их к как какая какие какой когда которая которые
            который кто ли между мне мы на над не него нет ни них но о об один он она они от по под
            после при про с со так такой там то того тоже только том ты у уже что чтобы эта эти это этот
            я почему сколько""",
    }.items()
}

# Words that say what to do with an answer rather than what it is about. They count less in a question, not nothing:
# each of them is also a subject ("the question of the Golan", "a round table").
REQUEST_WORDS: frozenset[str] = frozenset(
    """answer answers question respond response state calculate compute round provide provided using utilizing based
    information shown primarily judgments
    antworte beantworte antwort frage erkläre erklären berechne berechnen nenne
    responde respuesta pregunta explica calcula
    réponds réponse question explique calcule""".split()
)
