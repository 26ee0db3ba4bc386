"""The emoji that `:name` completes: those that chats use, one code point each, so that their width
is the same in every terminal."""

from __future__ import annotations

_TABLE = """
smile 😄 grin 😁 joy 😂 rofl 🤣 smiley 😃 slight_smile 🙂 upside_down 🙃 wink 😉
blush 😊 innocent 😇 heart_eyes 😍 kissing_heart 😘 yum 😋 tongue 😛 zany 🤪 hug 🤗
thinking 🤔 shush 🤫 zipper 🤐 raised_eyebrow 🤨 neutral 😐 expressionless 😑 smirk 😏
unamused 😒 roll_eyes 🙄 grimace 😬 relieved 😌 pensive 😔 sleepy 😪 sleeping 😴 mask 😷
sick 🤒 dizzy_face 😵 exploding_head 🤯 cowboy 🤠 party_face 🥳 sunglasses 😎 nerd 🤓
confused 😕 worried 😟 open_mouth 😮 astonished 😲 flushed 😳 pleading 🥺 fearful 😨
cold_sweat 😰 cry 😢 sob 😭 scream 😱 sweat 😓 sweat_smile 😅 disappointed 😞 weary 😩
tired 😫 yawn 🥱 triumph 😤 angry 😠 rage 😡 devil 😈 skull 💀 poop 💩 clown 🤡 ghost 👻
alien 👽 robot 🤖 cat 🐱 see_no_evil 🙈 hear_no_evil 🙉 speak_no_evil 🙊 kiss 💋
broken_heart 💔 two_hearts 💕 sparkling_heart 💖 orange_heart 🧡 yellow_heart 💛
green_heart 💚 blue_heart 💙 purple_heart 💜 black_heart 🖤 hundred 💯 anger 💢 boom 💥
dizzy 💫 sweat_drops 💦 dash 💨 speech 💬 zzz 💤 wave 👋 raised_hand ✋ ok_hand 👌
pinch 🤏 crossed_fingers 🤞 rock_on 🤘 call_me 🤙 point_left 👈 point_right 👉
point_up 👆 point_down 👇 thumbsup 👍 thumbsdown 👎 fist ✊ punch 👊 clap 👏
raised_hands 🙌 open_hands 👐 handshake 🤝 pray 🙏 muscle 💪 brain 🧠 eyes 👀 baby 👶
shrug 🤷 facepalm 🤦 bow 🙇 walking 🚶 runner 🏃 dancer 💃 dog 🐶 fox 🦊 bear 🐻
panda 🐼 unicorn 🦄 bee 🐝 bug 🐛 butterfly 🦋 snail 🐌 turtle 🐢 snake 🐍 octopus 🐙
crab 🦀 whale 🐳 dolphin 🐬 penguin 🐧 owl 🦉 duck 🦆 flower 🌸 rose 🌹 sunflower 🌻
seedling 🌱 tree 🌳 cactus 🌵 clover 🍀 leaves 🍃 apple 🍎 banana 🍌 cherries 🍒
avocado 🥑 bread 🍞 cheese 🧀 pizza 🍕 burger 🍔 taco 🌮 sushi 🍣 icecream 🍦 cake 🍰
birthday 🎂 cookie 🍪 chocolate 🍫 coffee ☕ tea 🍵 beer 🍺 cheers 🍻 wine 🍷
cocktail 🍸 champagne 🍾 globe 🌍 house 🏠 office 🏢 car 🚗 bike 🚲 train 🚆 plane ✈
rocket 🚀 hourglass ⌛ alarm ⏰ watch ⌚ moon 🌙 sun 🌞 star ⭐ sparkles ✨ rainbow 🌈
fire 🔥 snowman ⛄ tada 🎉 balloon 🎈 gift 🎁 trophy 🏆 medal 🏅 soccer ⚽ game 🎮
dice 🎲 art 🎨 music 🎵 guitar 🎸 bulb 💡 book 📖 memo 📝 calendar 📅 chart 📈 pin 📌
paperclip 📎 lock 🔒 unlock 🔓 key 🔑 hammer 🔨 wrench 🔧 gear ⚙ link 🔗 package 📦
mail 📧 phone 📱 computer 💻 bell 🔔 no_bell 🔕 loudspeaker 📢 mag 🔍 money 💰 check ✅
cross ❌ question ❓ exclamation ❗ warning ⚠ no_entry ⛔ stop 🛑 recycle ♻ ok 🆗
new 🆕 sos 🆘 red_circle 🔴 green_circle 🟢 yellow_circle 🟡 blue_circle 🔵 flag 🚩
construction 🚧 ambulance 🚑
"""
_WORDS = _TABLE.split()

EMOJI = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))
