"""Words of the demo catalog in English, Korean and Simplified Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One thing in three languages."""

    en: str
    ko: str
    zh: str


def _table(text: str) -> dict[str, Word]:
    rows = (line.split(";") for line in text.strip().splitlines())
    return {key: Word(en, ko, zh) for key, en, ko, zh in rows}


SUBJECTS = _table("""
orange;Blood Orange;블러드 오렌지;血橙
lime;Ginger & Lime;생강 라임;姜汁青柠
raspberry;Raspberry;라즈베리;树莓
lemon;Sicilian Lemon;시칠리아 레몬;西西里柠檬
peach;White Peach;백도;白桃
mango;Alphonso Mango;알폰소 망고;阿方索芒果
tomato;Plum Tomatoes;플럼 토마토;李子番茄
sardine;Sardines in Oil;올리브유 정어리;油浸沙丁鱼
chili;Chili Beans;칠리 빈;辣味豆
olive;Green Olives;그린 올리브;绿橄榄
pumpkin;Pumpkin Soup;호박 수프;南瓜汤
salmon;Wild Salmon;자연산 연어;野生三文鱼
strawberry;Strawberry;딸기;草莓
blueberry;Blueberry;블루베리;蓝莓
honey;Wildflower Honey;야생화 꿀;野花蜜
cherry;Morello Cherry;모렐로 체리;酸樱桃
apricot;Apricot;살구;杏子
pesto;Basil & Olive;바질 올리브;罗勒橄榄
apple;Orchard Apple;과수원 사과;果园苹果
pear;Golden Pear;황금 배;金梨
grapefruit;Pink Grapefruit;핑크 자몽;粉红西柚
blackcurrant;Blackcurrant;블랙커런트;黑加仑
plum;Damson Plum;댐슨 자두;布拉斯李
green_apple;Green Apple;풋사과;青苹果
alps;Alpine Meadow;알프스 초원;高山草甸
tea;Spring Green;봄 녹차;春绿
rose;Rose Petal;장미 꽃잎;玫瑰花瓣
moon;Midnight Black;미드나이트 블랙;午夜红茶
balloon;Traveler's Blend;여행자 블렌드;旅人拼配
daisy;Chamomile;캐모마일;洋甘菊
lavender;Lavender;라벤더;薰衣草
eucalyptus;Eucalyptus;유칼립투스;尤加利
citrus;Citrus Grove;시트러스 숲;柑橘园
mint;Garden Mint;정원 민트;花园薄荷
waves;Sea Salt;바다 소금;海盐
pines;Cedar Forest;삼나무 숲;雪松林
sunrise;Amber Dawn;호박빛 새벽;琥珀晨光
snowflake;Winter Frost;겨울 서리;冬霜
lighthouse;Harbor Light;항구의 불빛;港湾灯火
fig;Fig & Plum;무화과 자두;无花果与李
fox;Fox;여우;狐狸
cat;Cat;고양이;猫
whale;Whale;고래;鲸鱼
mountains;Mountain;산;山峰
rainbow;Rainbow;무지개;彩虹
bauhaus;Bauhaus;바우하우스;包豪斯
robin;Robin;울새;知更鸟
bluebird;Bluebird;파랑새;蓝鸟
rocket;Rocket;로켓;火箭
planet;Planet;행성;星球
boat;Sailing Boat;돛단배;帆船
city;Skyline;스카이라인;城市天际线
cactus;Cactus;선인장;仙人掌
sunflower;Sunflower;해바라기;向日葵
compass;Compass;나침반;指南针
house;Little House;작은 집;小屋
scallop;Cobalt Wave;코발트 물결;钴蓝海浪
ikat;Clay Diamond;점토 다이아;陶土菱纹
meadow;Meadow;초원;草地
fern;Fern;고사리;蕨
snake_plant;Snake Plant;산세베리아;虎尾兰
pilea;Pilea;필레아;镜面草
blossom;Gerbera;거베라;非洲菊
tulip;Tulips;튤립;郁金香
wheat;Oat & Barley;귀리 보리;燕麦大麦
cocoa;Cocoa Crunch;코코아 크런치;可可脆
banana_moon;Moon Pops;문 팝스;月亮泡泡
oat;Oat;귀리;燕麦
coconut;Vanilla;바닐라;香草
almond;Almond;아몬드;杏仁
dark;Dark 70%;다크 70%;70% 黑
salted;Sea Salt Caramel;솔티드 캐러멜;海盐焦糖
sunrise_blend;Sunrise;선라이즈;日出
night_blend;Night Shift;나이트 시프트;夜班
summit;Summit;서밋;巅峰
harbor;Harbor;하버;港湾
jungle;Bluebird;블루버드;蓝鸟
desert;Desert Sun;사막의 태양;沙漠阳光
chili_lime;Chili & Lime;칠리 라임;辣椒青柠
paprika;Sweet Paprika;달콤한 파프리카;甜椒
mushroom;Truffle Mushroom;트러플 버섯;松露蘑菇
sea;Sea Salt;천일염;海盐
honey_mustard;Honey Mustard;허니 머스터드;蜂蜜芥末
rosemary;Rosemary;로즈메리;迷迭香
checks;Gingham;깅엄;格纹
tartan;Tartan;타탄;苏格兰格
stripes;Striped;스트라이프;条纹
dots;Polka Dot;물방울;波点
leaves;Leafy;나뭇잎;叶纹
flowers;Floral;꽃무늬;花卉
confetti;Confetti;컨페티;彩纸
argyle;Argyle;아가일;菱格
houndstooth;Houndstooth;하운드투스;千鸟格
chevron;Chevron;셰브런;人字纹
triangles;Triangle;트라이앵글;三角
waves_cloth;Scallop;물결;海浪纹
terrazzo;Terrazzo;테라초;水磨石
squares;Retro Square;레트로 스퀘어;复古方格
ripple;Ripple;잔물결;涟漪
diamond;Diamond;다이아몬드;菱形
quiet_fox;The Quiet Fox;조용한 여우;安静的狐狸
north;North of the Sea;바다의 북쪽;海的北方
thousand;A Thousand Pines;천 그루의 소나무;一千棵松树
orbit;Second Orbit;두 번째 궤도;第二轨道
lamp;The Lamp Keeper;등대지기;守灯人
lemons;Lemons for Breakfast;아침의 레몬;早餐的柠檬
""")

LINES = _table("""
can;Sparkling Water;탄산수;气泡水
tin;Pantry Tin;통조림;罐头
jar;Fruit Spread;과일 스프레드;果酱
jar_plain;Larder Jar;병조림;罐装
bottle;Pressed Juice;착즙 주스;鲜榨果汁
canister;Loose Leaf Tea;잎차;散装茶
pump;Hand Wash;핸드 워시;洗手液
candle;Scented Candle;향초;香薰蜡烛
mug;Mug;머그잔;马克杯
vase;Vase;꽃병;花瓶
pot;in a Pot;화분;盆栽
cereal;Breakfast Cereal;아침 시리얼;早餐麦片
carton;Plant Drink;식물성 음료;植物饮品
tea_box;Herbal Tea;허브차;草本茶
soap;Bar Soap;비누;香皂
book;Novel;소설;小说
notebook;Notebook;공책;笔记本
chocolate;Chocolate;초콜릿;巧克力
pouch;Coffee Beans;원두;咖啡豆
bag;Potato Crisps;감자칩;薯片
tube;Hand Cream;핸드크림;护手霜
tote;Tote Bag;토트백;托特包
cushion;Cushion;쿠션;靠垫
towel;Towel Set;수건 세트;毛巾套装
shirt;Shirt;셔츠;衬衫
scarf;Scarf;목도리;围巾
plate;Plate;접시;盘子
""")
