//! API keys.

use super::world::World;

pub async fn a_key_has_the_owner_it_was_made_for(w: World) {
    let now = w.now().await;
    w.store.add_key(w.oslo, [1; 32], now).await.unwrap();
    w.store.add_key(w.oslo, [2; 32], now).await.unwrap();
    w.store.add_key(w.bergen, [3; 32], now).await.unwrap();
    for (key, owner) in [
        (1, Some(w.oslo)),
        (2, Some(w.oslo)),
        (3, Some(w.bergen)),
        (4, None),
    ] {
        assert_eq!(w.store.key_owner([key; 32]).await.unwrap(), owner);
    }
}
