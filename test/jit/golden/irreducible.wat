(func (;3;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 f64 f64 f32 i64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 21
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 22
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 23
    (i64.load offset=544 align=1
      (local.get 0)))
  (block  ;; label = @1
    (block  ;; label = @2
      (if  ;; label = @3
        (i32.lt_s
          (local.get 1)
          (i32.const 7))
        (then
          (local.set 5
            (i32.const 1))
          (local.set 13
            (i64.add
              (local.get 2)
              (i64.const 0)))
          (br 2 (;@1;))))
      (local.set 1
        (i32.sub
          (local.get 1)
          (i32.const 1)))
      (if  ;; label = @3
        (i64.eq
          (local.get 21)
          (i64.const 0))
        (then
          (br 1 (;@2;)))
        (else
          (local.set 1
            (i32.sub
              (local.get 1)
              (i32.const 2)))
          (local.set 22
            (i64.add
              (local.get 22)
              (i64.const 1)))
          (br 1 (;@2;)))))
    (local.set 1
      (i32.sub
        (local.get 1)
        (i32.const 3)))
    (local.set 23
      (i64.add
        (local.get 23)
        (i64.const 1)))
    (local.set 21
      (i64.add
        (local.get 21)
        (i64.const -1)))
    (if  ;; label = @2
      (i64.ne
        (local.get 21)
        (i64.const 0))
      (then
        (local.set 13
          (i64.add
            (local.get 2)
            (i64.const 4)))
        (br 1 (;@1;)))
      (else
        (local.set 1
          (i32.sub
            (local.get 1)
            (i32.const 1)))
        (local.set 1
          (i32.add
            (local.get 1)
            (i32.const 1)))
        (local.set 5
          (i32.const 1))
        (local.set 13
          (i64.add
            (local.get 2)
            (i64.const 24)))
        (br 1 (;@1;)))))
  (i64.store offset=528 align=1
    (local.get 0)
    (local.get 21))
  (i64.store offset=536 align=1
    (local.get 0)
    (local.get 22))
  (i64.store offset=544 align=1
    (local.get 0)
    (local.get 23))
  (i64.store align=1
    (local.get 0)
    (local.get 13))
  (i32.store offset=376 align=1
    (local.get 0)
    (local.get 5))
  (local.get 1))
